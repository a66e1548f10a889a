"""Messages as tenants read and cancel them."""
