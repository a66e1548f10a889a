"""Tenants, their numbers and their API keys."""
