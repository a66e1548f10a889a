"""Templates that tenants may send, as Meta approved them."""
