"""What time alone brings to messages that wait."""
