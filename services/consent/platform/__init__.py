"""What Meta says of people outside messages: preferences, other numbers."""
