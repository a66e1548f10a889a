"""What people write to tenants."""
