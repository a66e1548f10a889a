"""What Meta checks of a message, one module for each kind of content."""
