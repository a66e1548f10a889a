"""Traffic from a tenant that never gives up, and the books that are kept of it outside of our databases."""
