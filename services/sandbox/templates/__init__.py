"""The templates that the sandbox has been told about, or that were created at its Graph door."""
