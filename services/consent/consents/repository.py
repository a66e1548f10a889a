"""All SQL of consents: the acts, which are only added to, and the current state of each purpose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.consents.fold import Act, Standing


class Key(NamedTuple):
    """One purpose of one person of one tenant."""

    tenant_id: UUID
    person: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAct:
    """An act to record: `cause` is the fact it came with, `evidence` is sealed."""

    key: Key
    act: Act
    recorded_at: datetime
    cause: UUID | None = None
    evidence: bytes | None = None
    change: str | None = None
    consent_id: UUID | None = None


_KEYS = """
    unnest(cast(:tenant_ids as uuid[]), cast(:persons as text[]), cast(:purposes as text[]))
        as key (tenant_id, person, purpose)
"""
# Creates the missing rows and locks all of them in the order of their keys: whoever records an act holds them.
_LOCK = text(f"""
    insert into consents (tenant_id, person, purpose)
    select key.tenant_id, key.person, key.purpose from {_KEYS} order by 1, 2, 3
    on conflict (tenant_id, person, purpose) do update set revision = consents.revision + 1
""")
_ACTS = text(f"""
    select e.tenant_id, e.person, e.purpose, e.id, e.act, e.source, e.occurred_at
      from {_KEYS} join consent_events e using (tenant_id, person, purpose)
""")
_ADD = text("""
    insert into consent_events
        (tenant_id, person, purpose, id, act, source, occurred_at, recorded_at, cause, evidence, change, consent_id)
    select * from unnest(
        cast(:tenant_ids as uuid[]), cast(:persons as text[]), cast(:purposes as text[]), cast(:ids as uuid[]),
        cast(:acts as text[]), cast(:sources as text[]), cast(:times as timestamptz[]),
        cast(:recorded as timestamptz[]), cast(:causes as uuid[]), cast(:evidence as bytea[]),
        cast(:changes as text[]), cast(:consent_ids as uuid[]))
""")
# The rows are locked already (_LOCK), in order.
_SET = text("""
    update consents c
       set state = new.state, since = new.since, source = new.source, consent_id = new.consent_id,
           is_by_person = new.is_by_person, last_withdrawn_at = new.last_withdrawn_at
      from unnest(
        cast(:tenant_ids as uuid[]), cast(:persons as text[]), cast(:purposes as text[]), cast(:states as text[]),
        cast(:since as timestamptz[]), cast(:sources as text[]), cast(:consent_ids as uuid[]),
        cast(:by_person as boolean[]), cast(:withdrawn as timestamptz[]))
        as new (tenant_id, person, purpose, state, since, source, consent_id, is_by_person, last_withdrawn_at)
     where c.tenant_id = new.tenant_id and c.person = new.person and c.purpose = new.purpose
""")
_CHANGES = text("""
    select e.tenant_id, e.person, e.purpose, e.id, e.source, e.occurred_at, e.change, e.consent_id
      from unnest(cast(:tenant_ids as uuid[]), cast(:causes as uuid[])) as wanted (tenant_id, cause)
      join consent_events e on e.tenant_id = wanted.tenant_id and e.cause = wanted.cause
     where e.change is not null
     order by e.occurred_at, e.id
""")
_STATES = text("""
    select purpose, state, since, source from consents
     where tenant_id = :tenant_id and person = :person
     order by array_position(array['service', 'authentication', 'marketing'], purpose)
""")
_HISTORY = text("""
    select purpose, id, act, source, occurred_at, recorded_at from consent_events
     where tenant_id = :tenant_id and person = :person
     order by occurred_at desc, recorded_at desc limit :count
""")


async def lock(connection: AsyncConnection, keys: Iterable[Key]) -> None:
    """Hold these purposes until the transaction ends; nobody else can record an act for them meanwhile."""
    await connection.execute(_LOCK, _columns(keys))


async def acts(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, list[Act]]:
    """Everything that ever happened to these purposes."""
    found: dict[Key, list[Act]] = {}
    for row in await connection.execute(_ACTS, _columns(keys)):
        act = Act(id=row.id, kind=row.act, source=row.source, occurred_at=row.occurred_at)
        found.setdefault(Key(row.tenant_id, row.person, row.purpose), []).append(act)
    return found


async def add(connection: AsyncConnection, new: Sequence[NewAct]) -> None:
    await connection.execute(
        _ADD,
        _columns(one.key for one in new)
        | {
            "ids": [one.act.id for one in new],
            "acts": [one.act.kind for one in new],
            "sources": [one.act.source for one in new],
            "times": [one.act.occurred_at for one in new],
            "recorded": [one.recorded_at for one in new],
            "causes": [one.cause for one in new],
            "evidence": [one.evidence for one in new],
            "changes": [one.change for one in new],
            "consent_ids": [one.consent_id for one in new],
        },
    )


async def set_current(connection: AsyncConnection, standings: Mapping[Key, Standing]) -> None:
    await connection.execute(
        _SET,
        _columns(standings)
        | {
            "states": [one.state for one in standings.values()],
            "since": [one.since for one in standings.values()],
            "sources": [one.source for one in standings.values()],
            "consent_ids": [one.consent_id for one in standings.values()],
            "by_person": [one.is_by_person for one in standings.values()],
            "withdrawn": [one.last_withdrawn_at for one in standings.values()],
        },
    )


async def changes(connection: AsyncConnection, causes: Iterable[tuple[UUID, UUID]]) -> Sequence[Row[Any]]:
    """The acts that changed something, of these causes (tenant id, cause)."""
    pairs = list(causes)
    wanted = {"tenant_ids": [tenant_id for tenant_id, _ in pairs], "causes": [cause for _, cause in pairs]}
    return (await connection.execute(_CHANGES, wanted)).all()


async def states(connection: AsyncConnection, *, tenant_id: UUID, person: str) -> Sequence[Row[Any]]:
    return (await connection.execute(_STATES, {"tenant_id": tenant_id, "person": person})).all()


async def history(connection: AsyncConnection, *, tenant_id: UUID, person: str, count: int) -> Sequence[Row[Any]]:
    """The newest `count` acts of a person, newest first."""
    wanted = {"tenant_id": tenant_id, "person": person, "count": count}
    return (await connection.execute(_HISTORY, wanted)).all()


def _columns(keys: Iterable[Key]) -> dict[str, Any]:
    rows = list(keys)
    return {
        "tenant_ids": [key.tenant_id for key in rows],
        "persons": [key.person for key in rows],
        "purposes": [key.purpose for key in rows],
    }
