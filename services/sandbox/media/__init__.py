"""Files that businesses uploaded or people sent."""
