"""Staff bring a new tenant in: the tenant, its numbers and its templates."""
