"""The decision about a message, and the question right before its call."""
