"""The facts that were put into deliveries, and telling them again."""
