"""What of an endpoint's bundles is told now, in which bodies, and what stays of them in the queue (hot path)."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.gateway.callbacks.service import StoredFact, decode
from services.kernel import clock

Subject = tuple[int, str]  # a tenant, as a number because hashing a UUID is slow, and an id that it was told of
FactKey = tuple[int, str]  # the same with the id of a fact
NOWHERE = -1


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

    def __repr__(self) -> str:
        return f"BundleRow(endpoint_id={self.endpoint_id}, sequence={self.sequence})"


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

    @property
    def key(self) -> FactKey:
        """The fact itself, which is told to each of its tenant's endpoints in the same words."""
        return self.row.tenant_id.int, self.fact.event_id


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


def timely(due: Iterable[Due], stored: Container[Subject], *, defer_max_seconds: float) -> list[Due]:
    """Without what comes too early, and what follows it of the same people.

    A status may overtake our own row of its message: it is told a little later, then without its recipient.
    """
    waiting: set[int] = set()
    found: list[Due] = []
    for one in due:
        if one.conversation in waiting:
            continue
        if one.fact.kind == "status" and one.subject not in stored and _age_seconds(one) < defer_max_seconds:
            waiting.add(one.conversation)
        else:
            found.append(one)
    return found


def portions(facts: Iterable[Due], *, size: int, places: int) -> list[list[Due]]:
    """At most `places` bodies of at most `size` facts, in order; what finds no room stays in the queue.

    A person's facts stand in one of them, since bodies of a round are posted at the same time.
    """
    bodies: list[list[Due]] = []
    place_of: dict[int, int] = {}
    for fact in facts:
        place = place_of.get(fact.conversation)
        if place is None:
            place = _open_place(bodies, size=size, places=places)
        elif place != NOWHERE and len(bodies[place]) >= size:
            place = NOWHERE  # and so do all later facts of this person
        place_of[fact.conversation] = place
        if place != NOWHERE:
            bodies[place].append(fact)
    return bodies


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


def _age_seconds(due: Due) -> float:
    return (clock.now() - due.row.made_at).total_seconds()


def _open_place(bodies: list[list[Due]], *, size: int, places: int) -> int:
    if not bodies or len(bodies[-1]) >= size:
        if len(bodies) >= places:
            return NOWHERE
        bodies.append([])
    return len(bodies) - 1
