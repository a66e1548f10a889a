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
    """One purpose of one identity of a tenant's person, on one channel."""

    tenant_id: UUID
    person: str
    purpose: str
    channel: str = "whatsapp"


class Particulars(NamedTuple):
    """What of the evidence names nobody and can be read without opening it."""

    level: str | None = None
    text_version: str | None = None
    language: str | None = None


NO_PARTICULARS = Particulars()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAct:
    """An act to record: `cause` is the fact it came with, `evidence` is sealed, `told_of` whom its change concerns."""

    key: Key
    act: Act
    recorded_at: datetime
    cause: UUID | None = None
    evidence: bytes | None = None
    particulars: Particulars = NO_PARTICULARS
    change: str | None = None
    consent_id: UUID | None = None
    told_of: str | None = None


class Change(NamedTuple):
    """A purpose of a person became given or stopped being so; `since` is when, `source` why."""

    key: Key
    change: str
    consent_id: UUID
    since: datetime
    source: str


_IDENTITIES = "unnest(cast(:tenant_ids as uuid[]), cast(:persons as text[])) as key (tenant_id, person)"
_ACTS = text(f"""
    select e.tenant_id, e.person, e.purpose, e.channel, e.id, e.act, e.source, e.occurred_at, e.recorded_at, e.level,
           e.text_version, e.language
      from {_IDENTITIES} join consent_events e using (tenant_id, person)
""")
_ADD = text("""
    insert into consent_events
        (tenant_id, person, purpose, channel, id, act, source, occurred_at, recorded_at, cause, evidence, level,
         text_version, language, change, consent_id, told_of)
    select * from unnest(
        cast(:tenant_ids as uuid[]), cast(:persons as text[]), cast(:purposes as text[]), cast(:channels as text[]),
        cast(:ids as uuid[]), cast(:acts as text[]), cast(:sources as text[]), cast(:times as timestamptz[]),
        cast(:recorded as timestamptz[]), cast(:causes as uuid[]), cast(:evidence as bytea[]),
        cast(:levels as text[]), cast(:text_versions as text[]), cast(:languages as text[]),
        cast(:changes as text[]), cast(:consent_ids as uuid[]), cast(:told_of as text[]))
    on conflict (tenant_id, id) do nothing
""")
# Whoever writes these holds the persons' rows; the rows are written in the order of their keys all the same.
_SET = text("""
    insert into consents as c (tenant_id, person, purpose, channel, state, since, source, consent_id, is_by_person,
                               last_withdrawn_at)
    select * from unnest(
        cast(:tenant_ids as uuid[]), cast(:persons as text[]), cast(:purposes as text[]), cast(:channels as text[]),
        cast(:states as text[]), cast(:since as timestamptz[]), cast(:sources as text[]),
        cast(:consent_ids as uuid[]), cast(:by_person as boolean[]), cast(:withdrawn as timestamptz[]))
     order by 1, 2, 3, 4
    on conflict (tenant_id, person, purpose, channel) do update
       set state = excluded.state, since = excluded.since, source = excluded.source,
           consent_id = excluded.consent_id, is_by_person = excluded.is_by_person,
           last_withdrawn_at = excluded.last_withdrawn_at
     where (c.state, c.since, c.source, c.consent_id, c.is_by_person, c.last_withdrawn_at) is distinct from
           (excluded.state, excluded.since, excluded.source, excluded.consent_id, excluded.is_by_person,
            excluded.last_withdrawn_at)
""")
_CHANGES = text("""
    select e.tenant_id, coalesce(e.told_of, e.person) as person, e.purpose, e.id, e.source, e.occurred_at, e.change,
           e.consent_id
      from unnest(cast(:tenant_ids as uuid[]), cast(:causes as uuid[])) as wanted (tenant_id, cause)
      join consent_events e on e.tenant_id = wanted.tenant_id and e.cause = wanted.cause
     where e.change is not null
     order by e.occurred_at, e.id
""")
_CURRENT = text(f"""
    select c.tenant_id, c.person, c.purpose, c.channel, c.state, c.consent_id
      from {_IDENTITIES} join consents c using (tenant_id, person)
""")


async def acts(connection: AsyncConnection, identities: Iterable[tuple[UUID, str]]) -> Sequence[Row[Any]]:
    """Everything that was ever said of these identities (tenant id, person)."""
    return (await connection.execute(_ACTS, _identities(identities))).all()


def key_of(row: Any) -> Key:
    return Key(row.tenant_id, row.person, row.purpose, row.channel)


def act_of(row: Any) -> Act:
    return Act(id=row.id, kind=row.act, source=row.source, occurred_at=row.occurred_at)


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
            "levels": [one.particulars.level for one in new],
            "text_versions": [one.particulars.text_version for one in new],
            "languages": [one.particulars.language for one in new],
            "changes": [one.change for one in new],
            "consent_ids": [one.consent_id for one in new],
            "told_of": [one.told_of for one in new],
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


async def current(
    connection: AsyncConnection, identities: Iterable[tuple[UUID, str]]
) -> dict[Key, tuple[str, UUID | None]]:
    """State and consent of every purpose of these identities as they were written last."""
    rows = await connection.execute(_CURRENT, _identities(identities))
    return {key_of(row): (row.state, row.consent_id) for row in rows}


async def changes(connection: AsyncConnection, causes: Iterable[tuple[UUID, UUID]]) -> Sequence[Row[Any]]:
    """The acts that changed something, of these causes (tenant id, cause)."""
    pairs = list(causes)
    wanted = {"tenant_ids": [tenant_id for tenant_id, _ in pairs], "causes": [cause for _, cause in pairs]}
    return (await connection.execute(_CHANGES, wanted)).all()


def _identities(identities: Iterable[tuple[UUID, str]]) -> dict[str, Any]:
    wanted = list(identities)
    return {"tenant_ids": [tenant_id for tenant_id, _ in wanted], "persons": [person for _, person in wanted]}


def _columns(keys: Iterable[Key]) -> dict[str, Any]:
    rows = list(keys)
    return {
        "tenant_ids": [key.tenant_id for key in rows],
        "persons": [key.person for key in rows],
        "purposes": [key.purpose for key in rows],
        "channels": [key.channel for key in rows],
    }
