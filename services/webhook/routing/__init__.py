"""Whose number a webhook speaks of."""
