"""What people write to tenants: stored sealed, and told to the tenant once its window exists."""
