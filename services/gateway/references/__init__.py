"""Ids of ours on their way to Meta."""
