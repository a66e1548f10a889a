"""How many messages Meta takes from a number, and for a person."""
