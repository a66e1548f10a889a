"""The document of the public door."""
