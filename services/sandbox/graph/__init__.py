"""The Graph door: what a business calls to send a message."""
