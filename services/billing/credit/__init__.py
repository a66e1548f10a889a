"""Credit: how far below zero a tenant's wallet may go."""
