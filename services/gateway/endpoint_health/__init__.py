"""How a callback endpoint is doing, and switching off one that is gone or has failed for days."""
