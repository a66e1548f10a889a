"""Meta's reports about messages that tenants sent."""
