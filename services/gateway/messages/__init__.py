"""Messages as tenants see them: their rows, their states, their history."""
