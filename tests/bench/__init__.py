"""The bench: one load on one stack of its own, and what it cost (`make bench`)."""
