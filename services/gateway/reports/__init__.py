"""Meta's reports about messages, brought to their rows and to their tenants."""
