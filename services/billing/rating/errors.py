"""What can be wrong with a rate card."""


class MalformedCard(ValueError):
    """The card cannot price every message; says which row and why."""


class NoCard(LookupError):
    """No rate card is in force at that time: seed one (the first migration does)."""
