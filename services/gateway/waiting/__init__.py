"""What waits for consent and billing: told to them again when they are silent."""
