"""The registry of business numbers and templates the sandbox has been told about."""
