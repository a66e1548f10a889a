"""Charges: what a tenant's messages cost, one by one, as the tenant reads it."""
