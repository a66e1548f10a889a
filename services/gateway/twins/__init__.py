"""Test twins: a tenant's second self whose numbers are at the sandbox and whose messages cost nothing."""
