"""Whose turn it is: the limits of numbers and of pairs, and claims from the queue that keep them."""
