"""What people do by themselves when they get a message."""
