"""Tenants, their numbers, and who may come in with an API key."""
