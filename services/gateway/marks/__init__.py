"""Read marks and typing indicators on their way to Meta."""
