"""Billing: what a message costs, who pays for it, and the books that prove it."""
