"""The one answer of our own: what a person's STOP or START did."""
