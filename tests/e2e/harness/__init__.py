"""What the end-to-end tests are made of: a stack, tenants, Meta's side, a tenant's callback endpoint, proxies."""
