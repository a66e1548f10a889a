"""Cards: how a price list comes into force, with two people and with notice."""
