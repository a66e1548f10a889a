"""What can be wrong with a rate card."""


class MalformedCard(ValueError):
    """The card cannot price every message; `field` and `row` (from 1, where there is one) say where, `reason` why."""

    def __init__(self, field: str, reason: str, *, row: int | None = None) -> None:
        where = field if row is None else f"{field}, row {row}"
        super().__init__(f"{where}: {reason}")
        self.field = field
        self.row = row
        self.reason = reason


class NoCard(LookupError):
    """No rate card is in force at that time: seed one (the first migration does)."""
