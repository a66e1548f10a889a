"""Meta's look at new templates."""
