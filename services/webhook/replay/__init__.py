"""The second try of what went into quarantine."""
