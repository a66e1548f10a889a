"""Whether a message would go out, and what it would cost, without sending it."""
