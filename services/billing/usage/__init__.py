"""Usage: what a tenant's months have cost so far, by category."""
