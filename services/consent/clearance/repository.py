"""All SQL of clearance, one statement for a batch (hot path).

It joins the current rows of consents and windows: the one place that reads other slices' tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance.rules import Ground, Refusal
from services.kernel.contracts.clearances import Basis
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import MessageAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about a message when it was first seen; `trace` is JSON."""

    message: MessageAccepted
    purpose: Purpose
    basis: Basis | None
    ground: Ground
    window_expires_at: datetime | None
    refusal: Refusal | None
    trace: str
    decided_at: datetime


_GROUND = "c.state, c.consent_id, c.since, c.last_withdrawn_at, w.last_inbound_at, w.expires_at as window_expires_at"
_JOINS = """
    left join consents c on c.tenant_id = m.tenant_id and c.person = m.person and c.purpose = m.purpose
    left join windows w
      on w.tenant_id = m.tenant_id and w.phone_number_id = m.phone_number_id and w.person = m.person
"""
_GROUNDS = text(f"""
    select m.message_id, {_GROUND}
      from unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[]), cast(:phone_number_ids as text[]),
                  cast(:persons as text[]), cast(:purposes as text[]))
        as m (tenant_id, message_id, phone_number_id, person, purpose) {_JOINS}
""")
_ADD = text("""
    insert into decisions
        (tenant_id, message_id, person, phone_number_id, kind, category, country, purpose, is_cleared, basis,
         consent_id, window_expires_at, code, reason, trace, decided_at, expires_at)
    select tenant_id, message_id, person, phone_number_id, kind, category, country, purpose, basis is not null, basis,
           consent_id, window_expires_at, code, reason, cast(trace as jsonb), decided_at, expires_at
      from unnest(
        cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[]), cast(:persons as text[]),
        cast(:phone_number_ids as text[]), cast(:kinds as text[]), cast(:categories as text[]),
        cast(:countries as text[]), cast(:purposes as text[]), cast(:bases as text[]), cast(:consent_ids as uuid[]),
        cast(:windows as timestamptz[]), cast(:codes as int[]), cast(:reasons as text[]), cast(:traces as text[]),
        cast(:decided as timestamptz[]), cast(:expires as timestamptz[]))
        as new (tenant_id, message_id, person, phone_number_id, kind, category, country, purpose, basis, consent_id,
                window_expires_at, code, reason, trace, decided_at, expires_at)
     order by tenant_id, message_id
    on conflict (tenant_id, message_id) do nothing
""")
# Looked up one by one through the key, whatever the statistics say; the bounds leave only the partitions of their days.
_WANTED = """
    unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[])) as wanted (tenant_id, message_id)
    cross join lateral (
        select * from decisions d
         where d.tenant_id = wanted.tenant_id and d.message_id = wanted.message_id
           and d.message_id between cast(:first_id as uuid) and cast(:last_id as uuid)
         limit 1) m
"""
_DECIDED = text(f"""
    select m.tenant_id, m.message_id, m.person, m.kind, m.category, m.is_cleared, m.basis, m.window_expires_at, m.code,
           m.reason, cast(m.trace as text) as trace, m.decided_at, m.expires_at
      from {_WANTED}
""")
_QUESTIONED = text(f"""
    select m.tenant_id, m.message_id, m.kind, m.is_cleared, m.code, m.reason, m.expires_at, {_GROUND}
      from {_WANTED} {_JOINS}
""")
_PERSONS = text(f"select m.tenant_id, m.message_id, m.person from {_WANTED}")


async def grounds(
    connection: AsyncConnection, messages: Sequence[tuple[MessageAccepted, Purpose]]
) -> dict[UUID, Ground]:
    """What is known now about the person of each message, by message id."""
    rows = await connection.execute(
        _GROUNDS,
        {
            "tenant_ids": [message.tenant_id for message, _ in messages],
            "message_ids": [message.message_id for message, _ in messages],
            "phone_number_ids": [message.phone_number_id for message, _ in messages],
            "persons": [message.person for message, _ in messages],
            "purposes": [purpose for _, purpose in messages],
        },
    )
    return {row.message_id: ground_of(row) for row in rows}


async def add(connection: AsyncConnection, decisions: Sequence[Decision]) -> None:
    """Keep decisions; a message that was decided before keeps its first one."""
    await connection.execute(
        _ADD,
        {
            "tenant_ids": [one.message.tenant_id for one in decisions],
            "message_ids": [one.message.message_id for one in decisions],
            "persons": [one.message.person for one in decisions],
            "phone_number_ids": [one.message.phone_number_id for one in decisions],
            "kinds": [one.message.kind for one in decisions],
            "categories": [one.message.category for one in decisions],
            "countries": [one.message.country for one in decisions],
            "purposes": [one.purpose for one in decisions],
            "bases": [one.basis for one in decisions],
            "consent_ids": [one.ground.consent_id if one.basis == "consent" else None for one in decisions],
            "windows": [one.window_expires_at for one in decisions],
            "codes": [one.refusal.code if one.refusal else None for one in decisions],
            "reasons": [one.refusal.reason if one.refusal else None for one in decisions],
            "traces": [one.trace for one in decisions],
            "decided": [one.decided_at for one in decisions],
            "expires": [one.message.expires_at for one in decisions],
        },
    )


async def decided(connection: AsyncConnection, wanted: Iterable[tuple[UUID, UUID]]) -> Sequence[Row[Any]]:
    """The decisions about these messages (tenant id, message id)."""
    return (await connection.execute(_DECIDED, _columns(wanted))).all()


async def questioned(connection: AsyncConnection, wanted: Iterable[tuple[UUID, UUID]]) -> Sequence[Row[Any]]:
    """The decisions about these messages, with what is known now about their persons."""
    return (await connection.execute(_QUESTIONED, _columns(wanted))).all()


async def persons(connection: AsyncConnection, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], str]:
    """The person each of these messages went to, by (tenant id, message id)."""
    rows = await connection.execute(_PERSONS, _columns(wanted))
    return {(row.tenant_id, row.message_id): row.person for row in rows}


def ground_of(row: Any) -> Ground:
    return Ground(
        state=row.state,
        consent_id=row.consent_id,
        since=row.since,
        last_withdrawn_at=row.last_withdrawn_at,
        last_inbound_at=row.last_inbound_at,
        window_expires_at=row.window_expires_at,
    )


def _columns(wanted: Iterable[tuple[UUID, UUID]]) -> dict[str, Any]:
    pairs = sorted(set(wanted), key=itemgetter(1))
    return {
        "tenant_ids": [tenant_id for tenant_id, _ in pairs],
        "message_ids": [message_id for _, message_id in pairs],
        "first_id": pairs[0][1] if pairs else None,
        "last_id": pairs[-1][1] if pairs else None,
    }
