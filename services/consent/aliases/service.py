"""Whoever once wrote with number and BSUID is the person behind the number, also when Meta names the BSUID alone.

Meta leaves the number out for people with a user name (whatsapp-cloud-api 3.4). What is said under one identity counts
for the person, whichever was learnt first; who takes another number takes along what restricts, not what permits.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import repository
from services.consent.aliases.names import Identity, Move, Names
from services.consent.aliases.repository import Sighting
from services.consent.times.service import heard
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.contracts.platform import PersonRenamed
from services.kernel.errors import Unavailable

ROUNDS_MAX = 16  # numbers that one after another belonged to one person; more are left out of the reckoning
HOLDS_MAX = 4  # tries to lock everybody who is connected while others learn new names


class Recognised(NamedTuple):
    """A message with the person behind it, its bounded time, and all whose windows it opens."""

    message: InboundReceived
    person: str
    at: datetime
    counts_for: frozenset[str]


class Recognition(NamedTuple):
    """`learnt` are identities whose persons are known otherwise than before, with the fact that taught it."""

    messages: list[Recognised]
    learnt: dict[Identity, UUID]


async def names_of(connection: AsyncConnection, identities: Iterable[Identity]) -> dict[UUID, Names]:
    """Everybody who is connected with these identities, by tenant."""
    reached = set(identities)
    links: dict[Identity, str] = {}
    moves: set[tuple[UUID, Move]] = set()
    fresh = set(reached)
    for _ in range(ROUNDS_MAX):
        if not fresh:
            break
        found = await repository.links(connection, fresh)
        links.update(found)
        fresh |= {name for alias, person in found for name in (alias, Identity(alias.tenant_id, person))}
        reached |= fresh
        found_moves = await repository.moves(connection, fresh)
        moves.update(found_moves)
        fresh = _ends(found_moves) - reached
        reached |= fresh
    return _by_tenant(reached, links, moves)


async def hold(connection: AsyncConnection, identities: Iterable[Identity]) -> dict[UUID, Names]:
    """The same, locked until the transaction ends: nobody records an act or learns a name of them meanwhile."""
    wanted = set(identities)
    held: set[Identity] = set()
    for _ in range(HOLDS_MAX):
        names = await names_of(connection, wanted)
        wanted |= {Identity(tenant_id, one) for tenant_id, known in names.items() for one in known.identities}
        if wanted <= held:
            return names
        await repository.hold(connection, wanted)
        held = set(wanted)
    raise Unavailable("the names of these people are changing; try again")


async def recognise(connection: AsyncConnection, inbound: Sequence[InboundReceived]) -> Recognition:
    """Learn which BSUIDs belong to which numbers, and say who wrote each of the messages, in their order."""
    times = [heard(one.occurred_at) for one in inbound]
    identities = {Identity(one.tenant_id, name) for one in inbound for name in (one.person, one.bsuid) if name}
    links, moved = await _known(connection, identities)
    learnt = await _learn(connection, inbound, times, links)
    if learnt:
        links, moved = await _known(connection, identities)
    names = await names_of(connection, moved) if moved else {}
    found = []
    for one, at in zip(inbound, times, strict=True):
        identity = Identity(one.tenant_id, one.person)
        person = links[identity][0] if identity in links else one.person
        counts_for = {one.person, person}
        if Identity(one.tenant_id, person) in moved:
            counts_for |= names[one.tenant_id].successors(one.person, at)
        found.append(Recognised(one, person, at, frozenset(counts_for)))
    return Recognition(found, learnt)


async def move(connection: AsyncConnection, renamed: Sequence[PersonRenamed]) -> dict[Identity, UUID]:
    """Keep that people have other numbers or BSUIDs now; returns whose persons are known otherwise than before."""
    moves = [(one.tenant_id, _move(one)) for one in renamed if one.previous.index != one.current.index]
    sightings: list[Sighting] = []
    learnt: dict[Identity, UUID] = {}
    for one in renamed:
        learnt |= {Identity(one.tenant_id, name): one.id for name in (one.previous.index, one.current.index)}
        if one.current.kind == "bsuid" and one.person != one.current.index:
            sightings.append(Sighting(one.tenant_id, one.current.index, one.person, heard(one.occurred_at)))
            learnt[Identity(one.tenant_id, one.person)] = one.id
    if learnt:
        await hold(connection, learnt)
        await repository.add_moves(connection, moves)
        await repository.remember(connection, _newest(sightings))
    return learnt


async def _learn(
    connection: AsyncConnection,
    inbound: Sequence[InboundReceived],
    times: Sequence[datetime],
    links: Mapping[Identity, tuple[str, datetime]],
) -> dict[Identity, UUID]:
    causes = {(one.tenant_id, one.bsuid): one.id for one in inbound if one.bsuid is not None}
    sightings = _newest(
        Sighting(one.tenant_id, one.bsuid, one.person, at)
        for one, at in zip(inbound, times, strict=True)
        if one.bsuid is not None
    )
    newer = [one for one in sightings if _is_newer(one, links.get(Identity(one.tenant_id, one.bsuid)))]
    learnt: dict[Identity, UUID] = {}
    for one in newer:
        alias = Identity(one.tenant_id, one.bsuid)
        before = links[alias][0] if alias in links else one.bsuid
        if before != one.person:
            names = (one.bsuid, one.person, before)
            learnt |= {Identity(one.tenant_id, name): causes[one.tenant_id, one.bsuid] for name in names}
    if learnt:
        await hold(connection, learnt)
    if newer:
        await repository.remember(connection, newer)
    return learnt


async def _known(
    connection: AsyncConnection, identities: Iterable[Identity]
) -> tuple[dict[Identity, tuple[str, datetime]], set[Identity]]:
    """The number of each BSUID with the time of its sighting, and which persons left one of their identities."""
    rows = await repository.known(connection, identities)
    links = {Identity(row.tenant_id, row.alias): (row.person, row.seen_at) for row in rows if not row.has_moved}
    return links, {Identity(row.tenant_id, row.alias) for row in rows if row.has_moved}


def _newest(sightings: Iterable[Sighting]) -> list[Sighting]:
    """One of each BSUID."""
    in_order = sorted(sightings, key=lambda one: (one.at, one.person))
    return list({(one.tenant_id, one.bsuid): one for one in in_order}.values())


def _is_newer(one: Sighting, known: tuple[str, datetime] | None) -> bool:
    return known is None or (one.at, one.person) > (known[1], known[0])


def _move(renamed: PersonRenamed) -> Move:
    is_number = renamed.previous.kind == renamed.current.kind == "phone"
    return Move(renamed.id, renamed.previous.index, renamed.current.index, is_number, heard(renamed.occurred_at))


def _ends(moves: Iterable[tuple[UUID, Move]]) -> set[Identity]:
    return {Identity(tenant_id, name) for tenant_id, move in moves for name in (move.previous, move.current)}


def _by_tenant(
    reached: Iterable[Identity], links: Mapping[Identity, str], moves: Iterable[tuple[UUID, Move]]
) -> dict[UUID, Names]:
    identities: dict[UUID, set[str]] = {}
    for one in reached:
        identities.setdefault(one.tenant_id, set()).add(one.person)
    of_tenant: dict[UUID, dict[str, str]] = {}
    for alias, person in links.items():
        of_tenant.setdefault(alias.tenant_id, {})[alias.person] = person
    moved: dict[UUID, list[Move]] = {}
    for tenant_id, move in moves:
        moved.setdefault(tenant_id, []).append(move)
    return {
        tenant_id: Names(of_tenant.get(tenant_id, {}).items(), moved.get(tenant_id, ()), names)
        for tenant_id, names in identities.items()
    }
