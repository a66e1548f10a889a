"""The log of attempts to call tenants, as they are shown it."""
