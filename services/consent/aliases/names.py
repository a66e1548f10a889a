"""Which identities are one person, and who a person was before, as pure functions of what was learnt."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class Identity(NamedTuple):
    """A phone number or a BSUID of a tenant's person, as its keyed index."""

    tenant_id: UUID
    person: str


class Move(NamedTuple):
    """A person left one identity for another; `is_number` where both are phone numbers."""

    id: UUID
    previous: str
    current: str
    is_number: bool
    at: datetime


class Carried(NamedTuple):
    """What happened under `source` until that moment counts for `target` too."""

    source: str
    target: str
    until: datetime


class Names:
    """The identities of some of one tenant's people: `links` lead from a BSUID to the number that it belongs to."""

    def __init__(self, links: Iterable[tuple[str, str]], moves: Iterable[Move], identities: Iterable[str]) -> None:
        self.links = dict(links)
        self.moves = sorted(set(moves), key=lambda move: (move.at, move.id))
        named = {name for move in self.moves for name in (move.previous, move.current)}
        self.identities = {*identities, *self.links, *self.links.values(), *named}
        self._members: dict[str, list[str]] = {}
        for identity in sorted(self.identities):
            self._members.setdefault(self.root(identity), []).append(identity)

    @property
    def roots(self) -> list[str]:
        """One identity for each person: the number where it is known."""
        return list(self._members)

    def root(self, identity: str) -> str:
        return self.links.get(identity, identity)

    def members(self, root: str) -> list[str]:
        """Every identity of the person, the root among them."""
        return self._members.get(root, [root])

    def arrivals(self, root: str) -> list[Move]:
        """The moves by which somebody else's identity became this person's."""
        return [move for move in self.moves if self.root(move.current) == root != self.root(move.previous)]

    def departures(self, root: str) -> list[Move]:
        """The moves after which this number is not, or may not be, that person's any more.

        Another BSUID alone says nothing of the number, unless it is known to belong to another one.
        """
        leaving = [move for move in self.moves if self.root(move.previous) == root != self.root(move.current)]
        return [
            move for move in leaving if move.is_number or (move.previous in self.links and move.current in self.links)
        ]

    def successors(self, identity: str, at: datetime) -> set[str]:
        """Whom a thing of that moment counts for: the person, and whoever that person became later."""
        since = {self.root(identity): at}
        waiting = list(since)
        while waiting:
            root = waiting.pop()
            for move in self.moves:
                target = self.root(move.current)
                if self.root(move.previous) == root and since[root] <= move.at < since.get(target, FOR_EVER):
                    since[target] = move.at
                    waiting.append(target)
        return set(since)

    def carried(self) -> list[Carried]:
        """From every identity to each of the persons that it counts for."""
        within = [
            Carried(identity, root, FOR_EVER)
            for root in self.roots
            for identity in self.members(root)
            if identity != root
        ]
        for move in self.moves:
            for target in self.successors(move.current, move.at) - {self.root(move.previous)}:
                within += [Carried(member, target, move.at) for member in self.members(self.root(move.previous))]
        return within
