"""The registry of business numbers the sandbox has been told about."""
