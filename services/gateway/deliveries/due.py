"""What of an endpoint's bundles is to be told now, and what stays of them in the queue (hot path)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.gateway.callbacks.service import StoredFact, decode

Subject = tuple[int, str]  # a tenant, as a number because hashing a UUID is slow, and an id that it was told of


class BundleRow(NamedTuple):
    """What waits of a bundle (`places` is None: all of it), its endpoint, and whose facts that has under way."""

    endpoint_id: UUID
    tenant_id: UUID
    is_again: bool
    sequence: int
    made_at: datetime
    places: list[int] | None
    is_unread: bool
    facts: bytes
    url: str
    secret: bytes
    old_secret: bytes | None
    max_updates: int
    busy: list[int]


class Left(NamedTuple):
    """What stays in the queue of a bundle: places, and the people of those facts."""

    endpoint_id: UUID
    is_again: bool
    sequence: int
    places: list[int]
    conversations: list[int]


_NOTHING: frozenset[int] = frozenset()


class Due(msgspec.Struct, frozen=True, gc=False):
    """A fact that waits, and where it stands."""

    row: BundleRow
    place: int
    fact: StoredFact
    conversation: int

    @property
    def subject(self) -> Subject:
        """What it speaks of; the id alone is whatever somebody gave Meta, of another tenant's message too."""
        return self.row.tenant_id.int, self.fact.subject_id


class Opened(NamedTuple):
    """A bundle that was read, and the places of the facts that wait in it."""

    row: BundleRow
    facts: list[StoredFact]
    places: Sequence[int]


class Rest(NamedTuple):
    """What becomes of bundles: those that are told whole leave the queue."""

    done: list[BundleRow]
    left: list[Left]


def opened(rows: Iterable[BundleRow]) -> dict[UUID, list[Opened]]:
    """Bundles by their endpoint, in order."""
    endpoints: dict[UUID, list[Opened]] = {}
    for row in rows:
        facts = decode(row.facts)
        places = range(len(facts)) if row.places is None else row.places
        endpoints.setdefault(row.endpoint_id, []).append(Opened(row, facts, places))
    return endpoints


def free(bundles: Sequence[Opened]) -> list[Due]:
    """The facts of people of whom nothing is under way."""
    busy = frozenset(bundles[0].row.busy)
    return [
        Due(row, place, fact, fact.conversation)
        for row, facts, places in bundles
        for place in places
        if (fact := facts[place]).conversation not in busy
    ]


def rest(bundles: Iterable[Opened], taken: Iterable[Due]) -> Rest:
    """Bundles are written that are told whole, or in part, or were read for the first time."""
    gone: dict[int, set[int]] = {}  # by the row's identity
    for due in taken:
        gone.setdefault(id(due.row), set()).add(due.place)
    found = Rest([], [])
    for row, facts, places in bundles:
        told = gone.get(id(row), _NOTHING)
        left = [place for place in places if place not in told]
        if not left:
            found.done.append(row)
        elif told or row.is_unread:
            people = sorted({facts[place].conversation for place in left})
            found.left.append(Left(row.endpoint_id, row.is_again, row.sequence, left, people))
    return found
