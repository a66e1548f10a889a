"""Numbers that always behave in one way, so that a tenant can test each outcome by the recipient."""
