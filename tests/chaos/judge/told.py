"""What the tenants' endpoints took: one fact each time it was delivered."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.chaos.judge.evidence import Row, digits


class Told(NamedTuple):
    """A value that the tenant's endpoint took; `place` is its line, `cause` the title of the first error."""

    place: int
    at: float
    tenant: str
    event_id: str
    number: str | None
    message_id: str
    status: str | None  # None: a person's message
    cause: str | None
    code: int | None
    person: str
    text: str | None
    value: Row

    @property
    def is_provisional(self) -> bool:
        """`failed` because nothing was heard: later evidence wins."""
        return self.status == "failed" and self.cause in ("unknown", "expired")


def received(callbacks: Iterable[Row]) -> Iterator[Told]:
    """Values of other kinds (templates, numbers, tests) have neither statuses nor messages."""
    for place, row in enumerate(callbacks):
        if row["answered"] == 200:
            value = row["value"]
            number = value.get("metadata", {}).get("phone_number_id")
            for one in value.get("statuses", ()):
                yield _told(place, row, number, one)
            for one in value.get("messages", ()):
                yield _told(place, row, number, one)


def _told(place: int, row: Row, number: str | None, one: Row) -> Told:
    error: Row = next(iter(one.get("errors") or ()), {})
    return Told(
        place=place, at=row["at"], tenant=row["tenant"], event_id=row["event_id"], number=number,
        message_id=one["id"], status=one.get("status"), cause=error.get("title"), code=error.get("code"),
        person=digits(one.get("from") or one.get("recipient_id") or ""), text=(one.get("text") or {}).get("body"),
        value=row["value"],
    )  # fmt: skip
