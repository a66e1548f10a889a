"""Which identities are one person, and who a person was before, as pure functions of what was learnt."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from services.kernel.identifiers import uuid5

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_MOVES = UUID("0b1d7a52-7a0e-5f0e-9a55-3f0d8a1c6b11")  # the namespace of the moves that sightings mean


class Identity(NamedTuple):
    """A phone number or a BSUID of a tenant's person, as its keyed index."""

    tenant_id: UUID
    person: str


class Seen(NamedTuple):
    """A BSUID was seen beside a number, for the first and the last time then."""

    bsuid: str
    person: str
    first_at: datetime
    last_at: datetime


class Move(NamedTuple):
    """A person left one identity for another; `is_number` where the new one is a phone number."""

    id: UUID
    previous: str
    current: str
    is_number: bool
    at: datetime


class Member(NamedTuple):
    """What is said under an identity until that moment is said by the person."""

    identity: str
    until: datetime


class Carried(NamedTuple):
    """What happened under `source` until that moment counts for `target` too."""

    source: str
    target: str
    until: datetime


class Names:
    """The identities of some of one tenant's people.

    A BSUID belongs to the number beside which it was seen last. Seen beside another one before, its person has moved
    from there, also where no notice said so.
    """

    def __init__(self, seen: Iterable[Seen], moves: Iterable[Move], identities: Iterable[str]) -> None:
        told = set(moves)
        self._first_at: dict[str, datetime] = {}
        self._persons: dict[str, list[Member]] = {}  # of each BSUID, the number that it has now last
        by_bsuid: dict[str, set[Seen]] = {}
        for one in seen:
            by_bsuid.setdefault(one.bsuid, set()).add(one)
        for bsuid, sightings in by_bsuid.items():
            self._first_at[bsuid] = min(one.first_at for one in sightings)
            self._persons[bsuid] = _persons(sightings, told)
        self.moves = sorted({*told, *_implied(self._persons)}, key=lambda move: (move.at, move.id))
        named = {name for move in self.moves for name in (move.previous, move.current)}
        numbers = {person.identity for persons in self._persons.values() for person in persons}
        self.identities = {*identities, *self._persons, *numbers, *named}
        self._members: dict[str, list[Member]] = {}
        for identity in sorted(self.identities):
            for person, until in self._persons.get(identity, [Member(identity, FOR_EVER)]):
                self._members.setdefault(person, []).append(Member(identity, until))

    @property
    def roots(self) -> list[str]:
        """One identity for each person: the number where it is known."""
        return list(self._members)

    def root(self, identity: str, at: datetime = FOR_EVER) -> str:
        """The person whom an identity meant at a moment."""
        persons = self._persons.get(identity, ())
        return next((person for person, until in persons if at <= until), identity)

    def members(self, root: str) -> list[Member]:
        """Every identity that means or once meant the person, the root among them."""
        return self._members.get(root, [Member(root, FOR_EVER)])

    def names(self, root: str) -> list[str]:
        """Every identity that means the person now."""
        return [one.identity for one in self.members(root) if one.until == FOR_EVER]

    def arrivals(self, root: str) -> list[Move]:
        """The moves by which somebody else's identity became this person's."""
        return [move for move in self.moves if self._target(move) == root != self._source(move)]

    def departures(self, root: str) -> list[Move]:
        """The moves after which this number is not, or may not be, that person's any more.

        Another BSUID alone says nothing of the number, unless it is known to belong to another one.
        """
        leaving = [move for move in self.moves if self._source(move) == root != self._target(move)]
        known = self._persons
        return [move for move in leaving if move.is_number or (move.previous in known and move.current in known)]

    def heirs(self, root: str) -> list[Member]:
        """The BSUIDs that the person got since, as long as nobody knew a number of theirs: it may still be this one."""
        found: dict[str, datetime] = {}
        waiting = [root]
        while waiting:
            person = waiting.pop()
            for move in self.moves:
                is_heir = not move.is_number and self._source(move) == person != self._target(move)
                if is_heir and move.current not in found:
                    found[move.current] = self._first_at.get(move.current, FOR_EVER)
                    waiting.append(move.current)
        found.pop(root, None)
        return [Member(bsuid, until) for bsuid, until in found.items()]

    def successors(self, identity: str, at: datetime) -> set[str]:
        """Whom a thing of that moment counts for: the person, and whoever that person became later."""
        since = {self.root(identity, at): at}
        waiting = list(since)
        while waiting:
            root = waiting.pop()
            for move in self.moves:
                target = self._target(move)
                if self._source(move) == root and since[root] <= move.at < since.get(target, FOR_EVER):
                    since[target] = move.at
                    waiting.append(target)
        return set(since)

    def touched(self, identity: str, at: datetime) -> set[str]:
        """Whose standing an act of that moment may change: also that of whoever may be the same person."""
        meant = {person for person, until in self._persons.get(identity, ()) if at <= until}
        before = {root for root in self.roots if self.moves and identity in {one.identity for one in self.heirs(root)}}
        return self.successors(identity, at).union(*(self.successors(root, at) for root in meant | before))

    def carried(self) -> list[Carried]:
        """From every identity to each of the persons that it counts for."""
        within = [
            Carried(one.identity, root, one.until)
            for root in self.roots
            for one in self.members(root)
            if one.identity != root
        ]
        for move in self.moves:
            source = self._source(move)
            for target in self.successors(move.current, move.at) - {source}:
                within += [Carried(one.identity, target, min(one.until, move.at)) for one in self.members(source)]
        return within

    def _source(self, move: Move) -> str:
        return self.root(move.previous, move.at)

    def _target(self, move: Move) -> str:
        return self.root(move.current, move.at)


def _persons(sightings: Iterable[Seen], told: Iterable[Move]) -> list[Member]:
    """The numbers of one BSUID one after the other, each until it had the next one for certain, or a notice said so."""
    in_order = sorted(sightings, key=lambda one: (one.last_at, one.person))
    found = []
    for one, following in itertools.pairwise(in_order):
        until = max(one.last_at, following.first_at)
        notices = [move.at for move in told if move.is_number and move.previous == one.person]
        found.append(Member(one.person, min([until, *(at for at in notices if one.last_at <= at)])))
    return [*found, Member(in_order[-1].person, FOR_EVER)]


def _implied(persons: Mapping[str, Sequence[Member]]) -> Iterable[Move]:
    for bsuid, numbers in persons.items():
        for (previous, at), (current, _) in itertools.pairwise(numbers):
            yield Move(uuid5(_MOVES, f"{bsuid}:{previous}:{current}"), previous, current, True, at)
