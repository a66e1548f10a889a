"""All SQL of messages; rows are locked in the order of their ids (hot path)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.messages.states import State

# The SQL of states.may_move: `m` is the row as it is, `new` the state it should get.
_MAY_MOVE = """
    case when m.state = 9 or (m.state = 8 and m.error_reason = 'unknown') then new.state between 5 and 7
         when m.state = 8 then false
         when new.state in (8, 9) then m.state <= 5
         else new.state > m.state end
"""

# Rows are found by key; the bounds leave only the partitions of their days to look into.
_IN_THEIR_DAYS = "m.id between cast(:first_id as uuid) and cast(:last_id as uuid)"

_ACCEPT = text("""
    insert into messages as m (tenant_id, id, state, phone_number_id, person, kind, category, country, lane,
                               template_id, template_version, position, expires_at, accepted_at, max_price_micros)
    select new.tenant_id, new.id, 0, new.phone_number_id, new.person, new.kind, new.category, new.country, new.lane,
           new.template_id, new.template_version, new.position, new.expires_at, new.accepted_at, new.max_price_micros
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:phone_number_ids as text[]),
                  cast(:persons as text[]), cast(:kinds as text[]), cast(:categories as text[]),
                  cast(:countries as text[]), cast(:lanes as smallint[]), cast(:template_ids as uuid[]),
                  cast(:template_versions as int[]), cast(:positions as bigint[]),
                  cast(:expires as timestamptz[]), cast(:accepted as timestamptz[]), cast(:max_prices as bigint[]))
           as new (tenant_id, id, phone_number_id, person, kind, category, country, lane, template_id,
                   template_version, position, expires_at, accepted_at, max_price_micros)
     order by new.id
    on conflict (tenant_id, id) do update set
           phone_number_id = excluded.phone_number_id, person = excluded.person, kind = excluded.kind,
           category = excluded.category, country = excluded.country, lane = excluded.lane,
           template_id = excluded.template_id, template_version = excluded.template_version,
           position = excluded.position, expires_at = excluded.expires_at, accepted_at = excluded.accepted_at,
           max_price_micros = excluded.max_price_micros
     where m.accepted_at is null
    returning m.tenant_id, m.id, m.state, m.phone_number_id, m.person, m.lane, m.position, m.expires_at,
              m.error_code, m.error_reason, m.failed_at, m.wamid_index
""")

_CLEAR = text("""
    insert into messages as m (tenant_id, id, state, cleared_at)
    select new.tenant_id, new.id, 1, new.at
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:times as timestamptz[]))
           as new (tenant_id, id, at)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = greatest(m.state, excluded.state), cleared_at = excluded.cleared_at
     where m.cleared_at is null
""")

_REFUSE = text("""
    insert into messages as m (tenant_id, id, state, failed_at, error_code, error_reason)
    select new.tenant_id, new.id, 8, new.at, new.code, new.reason
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:times as timestamptz[]),
                  cast(:codes as int[]), cast(:reasons as text[])) as new (tenant_id, id, at, code, reason)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = 8, failed_at = excluded.failed_at, error_code = excluded.error_code,
           error_reason = excluded.error_reason
     where m.state <= 2
    returning m.tenant_id, m.id, m.phone_number_id, m.person, m.failed_at, m.error_code, m.error_reason
""")

_FUND = text("""
    insert into messages as m (tenant_id, id, state, funded_at, price_micros, currency)
    select new.tenant_id, new.id, 2, new.at, new.price_micros, new.currency
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:times as timestamptz[]),
                  cast(:prices as bigint[]), cast(:currencies as text[]))
           as new (tenant_id, id, at, price_micros, currency)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = greatest(m.state, excluded.state), funded_at = excluded.funded_at,
           price_micros = excluded.price_micros, currency = excluded.currency
     where m.funded_at is null
    returning m.tenant_id, m.id, m.state
""")

_ENDED = text(f"""
    select m.tenant_id, m.id, m.person, m.state, m.error_code, m.error_reason, m.failed_at, m.expired_at
      from messages m
      join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
           on m.tenant_id = asked.tenant_id and m.id = asked.id and {_IN_THEIR_DAYS}
     where m.state in (8, 9)
""")

_LOCK = text(f"""
    select m.id, m.state from messages m
      join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
           on m.tenant_id = asked.tenant_id and m.id = asked.id and {_IN_THEIR_DAYS}
     order by m.id for update of m
""")

_CLAIM_ROWS = text("""
    insert into messages as m (tenant_id, id, state)
    select new.tenant_id, new.id, 0
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as new (tenant_id, id)
     order by new.id
    on conflict (tenant_id, id) do update set state = m.state
""")

_START = text(f"""
    update messages m set state = greatest(m.state, 3), sending_at = coalesce(m.sending_at, :at)
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as new (tenant_id, id)
     where m.tenant_id = new.tenant_id and m.id = new.id and {_IN_THEIR_DAYS} and m.state <= 4
    returning m.tenant_id, m.id
""")

_MOVE = text(f"""
    with locked as (
        select m.tenant_id, m.id, new.state as wanted, new.at, new.code, new.reason, new.wamid_index, new.wamid,
               new.sent_at, new.delivered_at, new.read_at, ({_MAY_MOVE}) as moves
          from messages m
          join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:states as smallint[]),
                      cast(:times as timestamptz[]), cast(:codes as int[]), cast(:reasons as text[]),
                      cast(:wamid_indexes as text[]), cast(:wamids as bytea[]), cast(:sent as timestamptz[]),
                      cast(:delivered as timestamptz[]), cast(:read as timestamptz[]))
               as new (tenant_id, id, state, at, code, reason, wamid_index, wamid, sent_at, delivered_at, read_at)
               on m.tenant_id = new.tenant_id and m.id = new.id and {_IN_THEIR_DAYS}
         order by m.id for update of m
    )
    update messages m set
           state = case when l.moves then l.wanted else m.state end,
           unknown_at = case when l.wanted = 4 then coalesce(m.unknown_at, l.at) else m.unknown_at end,
           sent_at = coalesce(m.sent_at, l.sent_at),
           delivered_at = coalesce(m.delivered_at, l.delivered_at),
           read_at = coalesce(m.read_at, l.read_at),
           failed_at = case when l.wanted = 8 and l.moves then l.at else m.failed_at end,
           expired_at = case when l.wanted = 9 and l.moves then l.at else m.expired_at end,
           error_code = case when not l.moves then m.error_code when l.wanted = 8 then l.code end,
           error_reason = case when not l.moves then m.error_reason when l.wanted = 8 then l.reason end,
           wamid_index = coalesce(m.wamid_index, l.wamid_index),
           wamid = coalesce(m.wamid, l.wamid)
      from locked l
     where m.tenant_id = l.tenant_id and m.id = l.id and {_IN_THEIR_DAYS}
    returning m.tenant_id, m.id, m.state, m.person, m.phone_number_id, l.moves, l.at, m.error_code, m.error_reason
""")

_MATCH = text("""
    select m.tenant_id, m.id, m.wamid_index, m.phone_number_id, m.person from messages m
      join unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[])) as asked (tenant_id, wamid_index)
           on m.tenant_id = asked.tenant_id and m.wamid_index = asked.wamid_index
""")

_SETTLE = text(f"""
    with new as (
        select * from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:captured as timestamptz[]),
                             cast(:released as timestamptz[]), cast(:called_back as timestamptz[]))
                      as new (tenant_id, id, captured_at, released_at, called_back_at)
    ), found as (
        select m.id from messages m
          join new on m.tenant_id = new.tenant_id and m.id = new.id and {_IN_THEIR_DAYS}
    ), locked as (
        select m.tenant_id, m.id from messages m
          join new on m.tenant_id = new.tenant_id and m.id = new.id and {_IN_THEIR_DAYS}
         where m.captured_at is null and new.captured_at is not null
            or m.released_at is null and new.released_at is not null
            or m.called_back_at is null and new.called_back_at is not null
         order by m.id for update of m
    ), changed as (
        update messages m set
               captured_at = coalesce(m.captured_at, new.captured_at),
               released_at = coalesce(m.released_at, new.released_at),
               called_back_at = coalesce(m.called_back_at, new.called_back_at)
          from new join locked l on l.tenant_id = new.tenant_id and l.id = new.id
         where m.tenant_id = new.tenant_id and m.id = new.id and {_IN_THEIR_DAYS}
    )
    select id from found
""")

_ONE = text("select * from messages where tenant_id = :tenant_id and id = :id and accepted_at is not null")

_ACCEPTANCES = text(f"""
    select m.* from messages m
      join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
           on m.tenant_id = asked.tenant_id and m.id = asked.id and {_IN_THEIR_DAYS}
""")

_WAMIDS = text(f"""
    select m.tenant_id, m.id, m.phone_number_id, m.wamid from messages m
      join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
           on m.tenant_id = asked.tenant_id and m.id = asked.id and {_IN_THEIR_DAYS}
     where m.accepted_at is not null
""")

# Meta reports nothing of a reaction after `sent`. Messages that may live long lie in an index of their own.
_SILENT = text("""
    select m.tenant_id, m.id from messages m
     where m.id between :low and :high and m.state = 5 and m.expires_at < :expired_before and m.kind <> 'reaction'
     union
    select m.tenant_id, m.id from messages m
     where m.expires_at >= :expired_after and m.expires_at < :expired_before
       and m.expires_at - m.accepted_at > interval '25 hours' and m.state = 5 and m.kind <> 'reaction'
     limit :count
""")

Columns = Mapping[str, Any]


async def accept(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Write the accepted halves; returns the rows that this made whole."""
    return (await connection.execute(_ACCEPT, columns)).all()


async def clear(connection: AsyncConnection, columns: Columns) -> None:
    await connection.execute(_CLEAR, columns)


async def refuse(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """End messages that may not go out; returns the rows that this ended."""
    return (await connection.execute(_REFUSE, columns)).all()


async def fund(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Write the prices; returns the rows that this funded, with their states."""
    return (await connection.execute(_FUND, columns)).all()


async def ended(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    """Those of the messages that failed or expired."""
    return (await connection.execute(_ENDED, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


async def claim_rows(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> None:
    """Insert the missing rows and lock the others."""
    await connection.execute(_CLAIM_ROWS, {"tenant_ids": tenant_ids, "ids": ids})


async def lock(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> dict[UUID, State]:
    """Lock rows; returns their states by id."""
    rows = await connection.execute(_LOCK, _bounded({"tenant_ids": tenant_ids, "ids": ids}))
    return {row.id: State(row.state) for row in rows}


async def start(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Their calls may begin; returns those that have not ended meanwhile."""
    return (await connection.execute(_START, _bounded(columns))).all()


async def move(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Move messages forward where the order of states allows it (`moves` says where it did)."""
    return (await connection.execute(_MOVE, _bounded(columns))).all()


async def match(connection: AsyncConnection, tenant_ids: list[UUID], wamid_indexes: list[str]) -> Sequence[Row[Any]]:
    """Messages by the keyed index of Meta's id."""
    return (await connection.execute(_MATCH, {"tenant_ids": tenant_ids, "wamid_indexes": wamid_indexes})).all()


async def settle(connection: AsyncConnection, columns: Columns) -> set[UUID]:
    """Note moments that are not yet known; returns the messages that exist."""
    return {row.id for row in await connection.execute(_SETTLE, _bounded(columns))}


async def find(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID) -> Row[Any] | None:
    return (await connection.execute(_ONE, {"tenant_id": tenant_id, "id": id_})).one_or_none()


async def acceptances(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    return (await connection.execute(_ACCEPTANCES, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


async def wamids(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    """Accepted messages with Meta's ids, sealed; null while they were not sent."""
    return (await connection.execute(_WAMIDS, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


async def silent(connection: AsyncConnection, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
    """Sent messages of an id range that nothing more was heard of."""
    return (await connection.execute(_SILENT, parameters)).all()


def _bounded(columns: Columns) -> Columns:
    ids = columns["ids"]
    return {**columns, "first_id": min(ids, default=None), "last_id": max(ids, default=None)}
