"""Whoever once wrote with number and BSUID is the person behind the number, also when Meta names the BSUID alone.

Meta leaves the number out for people with a user name (whatsapp-cloud-api 3.4). What is said under one identity counts
for the person, whichever was learnt first; who takes another number takes along what restricts, not what permits.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import repository
from services.consent.aliases.names import Identity, Move, Names, Seen
from services.consent.times.service import heard
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.contracts.platform import PersonRenamed
from services.kernel.errors import Unavailable

ROUNDS_MAX = 16  # numbers that one after another belonged to one person; more are left out of the reckoning
HOLDS_MAX = 4  # tries to lock everybody who is connected while others learn new names

Numbers = dict[Identity, list[Seen]]  # of each BSUID


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
    seen: set[tuple[UUID, Seen]] = set()
    moves: set[tuple[UUID, Move]] = set()
    fresh = set(reached)
    looked: set[Identity] = set()  # all that these were seen beside is found
    for _ in range(ROUNDS_MAX):
        if not fresh:
            break
        found = await repository.seen(connection, fresh)
        seen.update(found)
        sides = [(Identity(tenant_id, one.bsuid), Identity(tenant_id, one.person)) for tenant_id, one in found]
        looked |= fresh | {bsuid for bsuid, _ in sides} | {person for bsuid, person in sides if bsuid in fresh}
        near = fresh.union(*sides)
        reached |= near
        found_moves = await repository.moves(connection, near)
        moves.update(found_moves)
        fresh = (near - looked) | (_ends(found_moves) - reached)
        reached |= fresh
    return _by_tenant(reached, seen, moves)


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
    numbers, moved = await _known(connection, identities)
    learnt = await _learn(connection, inbound, times, numbers)
    if learnt:
        numbers, moved = await _known(connection, identities)
    names = await names_of(connection, moved) if moved else {}
    found = []
    for one, at in zip(inbound, times, strict=True):
        identity = Identity(one.tenant_id, one.person)
        person = _newest(numbers[identity]).person if identity in numbers else one.person
        counts_for = {one.person, person}
        if Identity(one.tenant_id, person) in moved:
            counts_for |= names[one.tenant_id].successors(one.person, at)
        found.append(Recognised(one, person, at, frozenset(counts_for)))
    return Recognition(found, learnt)


async def move(connection: AsyncConnection, renamed: Sequence[PersonRenamed]) -> dict[Identity, UUID]:
    """Keep that people have other numbers or BSUIDs now; returns whose persons are known otherwise than before."""
    moves = [(one.tenant_id, _move(one)) for one in renamed if one.previous.index != one.current.index]
    sightings: list[tuple[UUID, Seen]] = []
    learnt: dict[Identity, UUID] = {}
    for one in renamed:
        learnt |= {Identity(one.tenant_id, name): one.id for name in (one.previous.index, one.current.index)}
        if one.current.kind == "bsuid" and one.person != one.current.index:
            at = heard(one.occurred_at)
            sightings.append((one.tenant_id, Seen(one.current.index, one.person, at, at)))
            learnt[Identity(one.tenant_id, one.person)] = one.id
    if learnt:
        await hold(connection, learnt)
        await repository.add_moves(connection, moves)
        await repository.remember(connection, _together(sightings))
    return learnt


async def _learn(
    connection: AsyncConnection, inbound: Sequence[InboundReceived], times: Sequence[datetime], numbers: Numbers
) -> dict[Identity, UUID]:
    causes = {(one.tenant_id, one.bsuid): one.id for one in inbound if one.bsuid is not None}
    sightings = _together(
        (one.tenant_id, Seen(one.bsuid, one.person, at, at))
        for one, at in zip(inbound, times, strict=True)
        if one.bsuid is not None
    )
    new: list[tuple[UUID, Seen]] = []
    learnt: dict[Identity, UUID] = {}
    for tenant_id, one in sightings:
        known = numbers.get(Identity(tenant_id, one.bsuid), [])
        before = next((old for old in known if old.person == one.person), None)
        if before is not None and before.first_at <= one.first_at and one.last_at <= before.last_at:
            continue
        new.append((tenant_id, one))
        is_later_only = before is not None and before.first_at <= one.first_at and before == _newest(known)
        if not is_later_only:
            names = (one.bsuid, one.person, *(old.person for old in known))
            learnt |= {Identity(tenant_id, name): causes[tenant_id, one.bsuid] for name in names}
    if learnt:
        await hold(connection, learnt)
    if new:
        await repository.remember(connection, new)
    return learnt


async def _known(connection: AsyncConnection, identities: Iterable[Identity]) -> tuple[Numbers, set[Identity]]:
    """What each BSUID was seen beside, and which persons left one of their identities."""
    numbers: Numbers = {}
    moved: set[Identity] = set()
    for row in await repository.known(connection, identities):
        identity = Identity(row.tenant_id, row.alias)
        if row.has_moved:
            moved.add(identity)
        else:
            numbers.setdefault(identity, []).append(Seen(row.alias, row.person, row.first_seen_at, row.seen_at))
    return numbers, moved


def _newest(sightings: Iterable[Seen]) -> Seen:
    return max(sightings, key=lambda one: (one.last_at, one.person))


def _together(sightings: Iterable[tuple[UUID, Seen]]) -> list[tuple[UUID, Seen]]:
    """One of each BSUID and number, from the first to the last moment."""
    found: dict[tuple[UUID, str, str], Seen] = {}
    for tenant_id, one in sightings:
        other = found.get((tenant_id, one.bsuid, one.person), one)
        first_at, last_at = min(one.first_at, other.first_at), max(one.last_at, other.last_at)
        found[tenant_id, one.bsuid, one.person] = one._replace(first_at=first_at, last_at=last_at)
    return [(key[0], one) for key, one in found.items()]


def _move(renamed: PersonRenamed) -> Move:
    is_number = renamed.current.kind == "phone"
    return Move(renamed.id, renamed.previous.index, renamed.current.index, is_number, heard(renamed.occurred_at))


def _ends(moves: Iterable[tuple[UUID, Move]]) -> set[Identity]:
    return {Identity(tenant_id, name) for tenant_id, move in moves for name in (move.previous, move.current)}


def _by_tenant(
    reached: Iterable[Identity], seen: Iterable[tuple[UUID, Seen]], moves: Iterable[tuple[UUID, Move]]
) -> dict[UUID, Names]:
    identities: dict[UUID, set[str]] = {}
    for one in reached:
        identities.setdefault(one.tenant_id, set()).add(one.person)
    of_tenant: dict[UUID, list[Seen]] = {}
    for tenant_id, sighting in seen:
        of_tenant.setdefault(tenant_id, []).append(sighting)
    moved: dict[UUID, list[Move]] = {}
    for tenant_id, move in moves:
        moved.setdefault(tenant_id, []).append(move)
    return {
        tenant_id: Names(of_tenant.get(tenant_id, ()), moved.get(tenant_id, ()), names)
        for tenant_id, names in identities.items()
    }
