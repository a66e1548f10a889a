"""The table of sealed parts of webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# One replay at a time keeps the order of arrival; the number only has to be the same in every copy.
REPLAY_LOCK = 7_261_002

ADD = text("""
    insert into quarantine (id, held_at, reason, phone_number_id, waba_id, signed_for, parts, content)
    select id, held_at, reason, phone_number_id, waba_id, string_to_array(signed_for, ','), parts, content
      from unnest(cast(:ids as uuid[]), cast(:held_at as timestamptz[]), cast(:reasons as text[]),
                  cast(:phone_number_ids as text[]), cast(:waba_ids as text[]), cast(:signed_for as text[]),
                  cast(:parts as integer[]), cast(:contents as bytea[]))
           as new (id, held_at, reason, phone_number_id, waba_id, signed_for, parts, content)
""")

# A failed attempt is repeated after 1, 2, 4, ... minutes, and once a day in the end.
UNITS = text("""
    select distinct reason, phone_number_id, waba_id
      from quarantine
     where reason in ('unknown_number', 'unknown_waba', 'wrong_signer')
       and (tried_at is null or tried_at < now() - least(interval '1 minute' * power(2, least(attempts, 11) - 1),
                                                         interval '1 day'))
     order by phone_number_id, waba_id, reason
     limit :count
""")

LOCK = text("select pg_advisory_xact_lock(:lock)")

# As many rows as fit into the memory of a batch, the first one always.
NEXT = text("""
    with candidates as (
        select id, octet_length(content) as size
          from quarantine
         where id > :after and id <= :until
           and (cast(:phone_number_id as text) is null or phone_number_id = :phone_number_id)
           and (cast(:waba_id as text) is null or waba_id = :waba_id)
           and (cast(:reason as text) is null or reason = :reason)
           and (cast(:ids as uuid[]) is null or id = any(cast(:ids as uuid[])))
         order by id
         limit :count
    ), chosen as (
        select id, sum(size) over (order by id) - size as before from candidates
    )
    select q.id, q.reason, q.phone_number_id, q.waba_id, q.signed_for, q.content
      from quarantine q
      join chosen c on c.id = q.id
     where c.before = 0 or c.before < :bytes
     order by q.id
       for update of q skip locked
""")

DELETE = text("delete from quarantine where id = any(cast(:ids as uuid[]))")
PRUNE = text("""
    with old as (select id from quarantine where id < :before order by id limit :count for update skip locked)
    delete from quarantine q using old where q.id = old.id
""")
TRIED = text("""
    update quarantine set attempts = attempts + 1, tried_at = now() where id = any(cast(:ids as uuid[]))
""")
OVERVIEW = text("""
    select reason, phone_number_id, waba_id, count(*) as rows, sum(parts) as parts,
           min(held_at) as oldest, max(held_at) as newest, max(attempts) as attempts
      from quarantine
     group by reason, phone_number_id, waba_id
     order by count(*) desc, reason, phone_number_id, waba_id
     limit :count
""")
COUNT = text("""
    select count(*)
      from quarantine
     where (cast(:phone_number_id as text) is null or phone_number_id = :phone_number_id)
       and (cast(:waba_id as text) is null or waba_id = :waba_id)
       and (cast(:reason as text) is null or reason = :reason)
       and (cast(:ids as uuid[]) is null or id = any(cast(:ids as uuid[])))
""")


class Row(NamedTuple):
    id: UUID
    held_at: datetime
    reason: str
    phone_number_id: str | None
    waba_id: str | None
    signed_for: str
    parts: int
    content: bytes


class Chosen(NamedTuple):
    """Which rows are meant: what is None does not matter."""

    phone_number_id: str | None = None
    waba_id: str | None = None
    reason: str | None = None
    ids: tuple[UUID, ...] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return self._asdict() | {"ids": None if self.ids is None else list(self.ids)}


class Unit(NamedTuple):
    """Rows that wait for the same thing."""

    reason: str
    phone_number_id: str | None
    waba_id: str | None


class Kept(NamedTuple):
    """A row that is about to be replayed."""

    id: UUID
    reason: str
    phone_number_id: str | None
    waba_id: str | None
    signed_for: list[str]
    content: bytes


class Summary(NamedTuple):
    """How much waits, and for what; never what it says."""

    reason: str
    phone_number_id: str | None
    waba_id: str | None
    rows: int
    parts: int
    oldest: datetime
    newest: datetime
    attempts: int


async def add(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    columns = {
        "ids": [row.id for row in rows],
        "held_at": [row.held_at for row in rows],
        "reasons": [row.reason for row in rows],
        "phone_number_ids": [row.phone_number_id for row in rows],
        "waba_ids": [row.waba_id for row in rows],
        "signed_for": [row.signed_for for row in rows],
        "parts": [row.parts for row in rows],
        "contents": [row.content for row in rows],
    }
    await connection.execute(ADD, columns)


async def units(connection: AsyncConnection, count: int) -> list[Unit]:
    """What waits for a number, a WABA or a mode, and was not tried just now."""
    return [Unit(*row) for row in await connection.execute(UNITS, {"count": count})]


async def lock(connection: AsyncConnection) -> None:
    """Replay alone until the end of this transaction; waits for another one as long as the role's lock_timeout."""
    await connection.execute(LOCK, {"lock": REPLAY_LOCK})


async def choose(
    connection: AsyncConnection, chosen: Chosen, *, after: UUID, until: UUID, count: int, bytes_: int
) -> list[Kept]:
    """The oldest rows behind `after`, locked."""
    limits = {"after": after, "until": until, "count": count, "bytes": bytes_}
    return [Kept(*row) for row in await connection.execute(NEXT, chosen.parameters | limits)]


async def delete(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    await connection.execute(DELETE, {"ids": list(ids)})


async def prune(connection: AsyncConnection, *, before: UUID, count: int) -> int:
    """Delete the oldest rows with ids below `before`; returns how many (fewer than `count`: that was all)."""
    return int((await connection.execute(PRUNE, {"before": before, "count": count})).rowcount)


async def tried(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    await connection.execute(TRIED, {"ids": list(ids)})


async def overview(connection: AsyncConnection, count: int) -> list[Summary]:
    return [Summary(*row) for row in await connection.execute(OVERVIEW, {"count": count})]


async def count(connection: AsyncConnection, chosen: Chosen) -> int:
    return int(await connection.scalar(COUNT, chosen.parameters) or 0)
