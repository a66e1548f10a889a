"""What Meta announces about accounts, numbers, templates and preferences."""
