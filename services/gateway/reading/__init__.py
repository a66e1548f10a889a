"""Numbers, accounts, templates and business profiles, read in Meta's shape."""
