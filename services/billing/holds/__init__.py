"""Holds: any amount set aside for a while, then taken in whole or in part, given back, or ended by its time."""
