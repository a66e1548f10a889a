"""Public routes that other services own."""
