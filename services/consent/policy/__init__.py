"""Dated rules of where which kind of message may be sent at all, and who may change them."""
