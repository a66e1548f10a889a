"""Which person a BSUID is, where a phone number is known too."""
