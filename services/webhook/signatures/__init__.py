"""Proof that a webhook comes from Meta."""
