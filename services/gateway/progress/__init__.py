"""What the other services and Meta said about our messages."""
