"""Posting facts to the tenants: packed, frozen, signed, and repeated until they are taken."""
