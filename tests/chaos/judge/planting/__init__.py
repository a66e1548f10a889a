"""Histories made by hand: one in which every promise is kept, and others in which exactly one is broken."""
