"""What never changes of a message: the sealed request."""
