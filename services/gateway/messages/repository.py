"""All SQL of messages; rows are locked in the order of their ids (hot path)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.messages.states import State

# The SQL of states.may_move: `m` is the row as it is, `excluded` the state it should get.
_MAY_MOVE = """
    case when m.state = 9 or (m.state = 8 and m.error_reason = 'unknown') then excluded.state between 5 and 7
         when m.state = 8 then false
         when excluded.state in (8, 9) then m.state <= 5
         else excluded.state > m.state end
"""

# One probe of the key for each row that is asked for. A plain join was planned, while a young table had no statistics,
# as every row of the range against every row of the batch. The bounds leave only the partitions of their days.
_ASKED = "unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)"
_PROBE = """
    cross join lateral (
        select * from messages one
         where one.tenant_id = asked.tenant_id and one.id = asked.id
           and one.id between cast(:first_id as uuid) and cast(:last_id as uuid){more}) m
"""
_THOSE = _ASKED + _PROBE.format(more=" offset 0")

_ACCEPT = text("""
    insert into messages as m (tenant_id, id, state, phone_number_id, person, kind, category, country, lane,
                               template_id, template_version, position, expires_at, accepted_at, max_price_micros,
                               is_confirmation)
    select new.tenant_id, new.id, 0, new.phone_number_id, new.person, new.kind, new.category, new.country, new.lane,
           new.template_id, new.template_version, new.position, new.expires_at, new.accepted_at, new.max_price_micros,
           coalesce(new.is_confirmation, false)
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:phone_number_ids as text[]),
                  cast(:persons as text[]), cast(:kinds as text[]), cast(:categories as text[]),
                  cast(:countries as text[]), cast(:lanes as smallint[]), cast(:template_ids as uuid[]),
                  cast(:template_versions as int[]), cast(:positions as bigint[]),
                  cast(:expires as timestamptz[]), cast(:accepted as timestamptz[]), cast(:max_prices as bigint[]),
                  cast(:confirmations as boolean[]))
           as new (tenant_id, id, phone_number_id, person, kind, category, country, lane, template_id,
                   template_version, position, expires_at, accepted_at, max_price_micros, is_confirmation)
     order by new.id
    on conflict (tenant_id, id) do update set
           phone_number_id = excluded.phone_number_id, person = excluded.person, kind = excluded.kind,
           category = excluded.category, country = excluded.country, lane = excluded.lane,
           template_id = excluded.template_id, template_version = excluded.template_version,
           position = excluded.position, expires_at = excluded.expires_at, accepted_at = excluded.accepted_at,
           max_price_micros = excluded.max_price_micros, is_confirmation = excluded.is_confirmation
     where m.accepted_at is null
    returning m.tenant_id, m.id, m.state, m.phone_number_id, m.person, m.lane, m.position, m.expires_at,
              m.error_code, m.error_reason, m.failed_at, m.reported
""")

_REFUSE = text("""
    insert into messages as m (tenant_id, id, state, cleared_at, failed_at, error_code, error_reason)
    select new.tenant_id, new.id, 8, new.cleared_at, new.at, new.code, new.reason
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:times as timestamptz[]),
                  cast(:cleared as timestamptz[]), cast(:codes as int[]), cast(:reasons as text[]))
           as new (tenant_id, id, at, cleared_at, code, reason)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = 8, cleared_at = coalesce(m.cleared_at, excluded.cleared_at), failed_at = excluded.failed_at,
           error_code = excluded.error_code, error_reason = excluded.error_reason
     where m.state <= 2
    returning m.tenant_id, m.id, m.phone_number_id, m.person, m.failed_at, m.error_code, m.error_reason
""")

_FUND = text("""
    insert into messages as m (tenant_id, id, state, cleared_at, funded_at, price_micros, currency)
    select new.tenant_id, new.id, 2, new.cleared_at, new.at, new.price_micros, new.currency
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:times as timestamptz[]),
                  cast(:cleared as timestamptz[]), cast(:prices as bigint[]), cast(:currencies as text[]))
           as new (tenant_id, id, at, cleared_at, price_micros, currency)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = greatest(m.state, excluded.state), cleared_at = excluded.cleared_at, funded_at = excluded.funded_at,
           price_micros = excluded.price_micros, currency = excluded.currency
     where m.funded_at is null
    returning m.tenant_id, m.id, m.state, m.phone_number_id, m.person, m.lane, m.position, m.expires_at, m.error_code,
              m.error_reason, m.failed_at, m.expired_at
""")

_UNPAID = text(f"select m.tenant_id, m.id, m.expires_at from {_THOSE} where m.state < 2 and m.accepted_at is not null")

_ENDED = text(f"""
    select m.tenant_id, m.id, m.person, m.state, m.error_code, m.error_reason, m.failed_at, m.expired_at
      from {_THOSE}
     where m.state in (8, 9)
""")

_LOCK = text(f"""
    select m.id, m.state
      from (select * from {_ASKED} order by id) asked {_PROBE.format(more=" for update")}
""")

_CLAIM_ROWS = text("""
    insert into messages as m (tenant_id, id, state)
    select new.tenant_id, new.id, 0
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as new (tenant_id, id)
     order by new.id
    on conflict (tenant_id, id) do update set state = m.state
""")

# An upsert, although most rows are there: no join that could be planned badly, and rows are locked as they are sorted.
# Reports that were applied before change nothing, and their messages are not returned.
_MOVE = text(f"""
    insert into messages as m (tenant_id, id, state, reported, sending_at, unknown_at, sent_at, delivered_at, read_at,
                               failed_at, expired_at, error_code, error_reason, wamid)
    select new.tenant_id, new.id, new.state, new.reported, new.sending_at, case when new.state = 4 then new.at end,
           new.sent_at, new.delivered_at, new.read_at, case when new.state = 8 then new.at end,
           case when new.state = 9 then new.at end, case when new.state = 8 then new.code end,
           case when new.state = 8 then new.reason end, new.wamid
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:states as smallint[]),
                  cast(:reported as smallint[]), cast(:times as timestamptz[]), cast(:codes as int[]),
                  cast(:reasons as text[]), cast(:wamids as bytea[]), cast(:sending as timestamptz[]),
                  cast(:sent as timestamptz[]), cast(:delivered as timestamptz[]), cast(:read as timestamptz[]))
           as new (tenant_id, id, state, reported, at, code, reason, wamid, sending_at, sent_at, delivered_at, read_at)
     order by new.id
    on conflict (tenant_id, id) do update set
           state = case when {_MAY_MOVE} then excluded.state else m.state end,
           was_state = m.state,
           reported = m.reported | excluded.reported,
           was_reported = m.reported,
           sending_at = coalesce(m.sending_at, excluded.sending_at),
           unknown_at = coalesce(m.unknown_at, excluded.unknown_at),
           sent_at = coalesce(m.sent_at, excluded.sent_at),
           delivered_at = coalesce(m.delivered_at, excluded.delivered_at),
           read_at = coalesce(m.read_at, excluded.read_at),
           failed_at = case when {_MAY_MOVE} then coalesce(excluded.failed_at, m.failed_at) else m.failed_at end,
           expired_at = case when {_MAY_MOVE} then coalesce(excluded.expired_at, m.expired_at) else m.expired_at end,
           error_code = case when {_MAY_MOVE} then excluded.error_code else m.error_code end,
           error_reason = case when {_MAY_MOVE} then excluded.error_reason else m.error_reason end,
           wamid = coalesce(m.wamid, excluded.wamid)
     where excluded.reported = 0 or m.reported & excluded.reported <> excluded.reported
    returning m.tenant_id, m.id, m.state, m.was_state, m.was_reported, m.person, m.phone_number_id, m.error_code,
              m.error_reason, m.failed_at, m.expired_at, m.wamid is not null as is_named,
              m.state is distinct from m.was_state as moves
""")

_NAME = text("""
    insert into message_wamids (tenant_id, wamid_index, id)
    select new.tenant_id, new.wamid_index, new.id
      from unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[]), cast(:ids as uuid[]))
           as new (tenant_id, wamid_index, id)
""")

_MATCH = text("""
    select w.tenant_id, w.wamid_index, w.id
      from unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[])) as asked (tenant_id, wamid_index)
     cross join lateral (
           select one.tenant_id, one.wamid_index, one.id from message_wamids one
            where hashtextextended(one.wamid_index, 0) = hashtextextended(asked.wamid_index, 0)
              and one.tenant_id = asked.tenant_id and one.wamid_index = asked.wamid_index
              and one.id between cast(:first_id as uuid) and cast(:last_id as uuid) offset 0) w
""")

_ACCEPTANCES = text(f"select m.* from {_THOSE}")

_WAMIDS = text(f"select m.tenant_id, m.id, m.phone_number_id, m.wamid from {_THOSE} where m.accepted_at is not null")

# Meta reports nothing of a reaction after `sent`. Messages that may live long lie in an index of their own.
_SILENT = text("""
    select m.tenant_id, m.id from messages m
     where m.id between :low and :high and m.state = 5 and m.expires_at < :expired_before and m.kind <> 'reaction'
     limit :count
""")

_SILENT_LONG_LIVED = text("""
    select m.tenant_id, m.id from messages m
     where m.id between :low and :high and m.expires_at >= :expired_since and m.expires_at < :expired_before
       and m.expires_at - m.accepted_at > interval '25 hours' and m.state = 5 and m.kind <> 'reaction'
     limit :count
""")

Columns = Mapping[str, Any]


async def accept(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Write the accepted halves; returns the rows that this made whole."""
    return (await connection.execute(_ACCEPT, columns)).all()


async def refuse(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """End messages that may not go out; returns the rows that this ended."""
    return (await connection.execute(_REFUSE, columns)).all()


async def fund(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Write the prices; returns the rows that this funded, with what their ends would say."""
    return (await connection.execute(_FUND, columns)).all()


async def unpaid(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    """Those of the accepted messages that nobody has refused or paid for."""
    return (await connection.execute(_UNPAID, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


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


async def move(connection: AsyncConnection, columns: Columns) -> Sequence[Row[Any]]:
    """Move messages forward where the order of states allows it (`moves` says where it did).

    Rows that are missing are made; those of which every given report was applied before are not returned.
    """
    return (await connection.execute(_MOVE, columns)).all()


async def name(connection: AsyncConnection, columns: Columns) -> None:
    """Make messages known by the keyed index of Meta's id."""
    await connection.execute(_NAME, columns)


async def match(
    connection: AsyncConnection, tenant_ids: list[UUID], wamid_indexes: list[str], *, first_id: UUID, last_id: UUID
) -> Sequence[Row[Any]]:
    """Messages of a range of ids by the keyed index of Meta's id."""
    asked = {"tenant_ids": tenant_ids, "wamid_indexes": wamid_indexes, "first_id": first_id, "last_id": last_id}
    return (await connection.execute(_MATCH, asked)).all()


async def acceptances(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    return (await connection.execute(_ACCEPTANCES, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


async def wamids(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> Sequence[Row[Any]]:
    """Accepted messages with Meta's ids, sealed; null while they were not sent."""
    return (await connection.execute(_WAMIDS, _bounded({"tenant_ids": tenant_ids, "ids": ids}))).all()


async def silent(connection: AsyncConnection, parameters: Columns) -> Sequence[Row[Any]]:
    """Sent messages of an id range that nothing more was heard of."""
    return (await connection.execute(_SILENT, parameters)).all()


async def silent_long_lived(connection: AsyncConnection, parameters: Columns) -> Sequence[Row[Any]]:
    """The same of those that may live longer than a day, by their end."""
    return (await connection.execute(_SILENT_LONG_LIVED, parameters)).all()


def _bounded(columns: Columns) -> Columns:
    ids = columns["ids"]
    return {**columns, "first_id": min(ids, default=None), "last_id": max(ids, default=None)}
