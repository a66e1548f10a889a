"""Rating: from a rate card and a position in the month's ladder to a price."""
