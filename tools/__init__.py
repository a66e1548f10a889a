"""What is not a service: the operator's command."""
