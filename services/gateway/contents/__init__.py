"""What never changes of a message: the sealed request, and why it may go or not."""
