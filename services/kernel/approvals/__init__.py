"""Approvals: what one person asks for happens when another one agrees."""
