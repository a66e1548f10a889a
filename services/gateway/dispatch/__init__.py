"""The dispatch queue: a table of what is to be sent, and the one who sends it."""
