"""Tenants' encryption keys: made, wrapped by the KEK, derived by purpose."""
