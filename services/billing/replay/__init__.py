"""Replay: the journal once more from the facts that were published, and whether it comes out the same."""
