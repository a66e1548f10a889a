"""Gives a young stack the past of an old one: keys of three days ago, days that are over, messages of last month.

This is the soak's own SQL, run as the owners and the superuser. It moves ids back in time, for the servers' clocks
cannot be moved forward; what the services then do to old rows is their own doing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.stack import Stack
from services.consent import retention as consent
from services.gateway import retention as gateway
from services.gateway.idempotency.service import KEPT_HOURS
from services.gateway.settings import Settings as GatewaySettings

MESSAGES_DAYS = int(GatewaySettings.model_fields["messages_days"].default)
BY_DAYS: Mapping[str, tuple[dict[str, str], dict[str, int]]] = {
    "gateway": (gateway.PARTITIONED, gateway.days_kept(MESSAGES_DAYS)),
    "consent": (consent.PARTITIONED, consent.days_kept(MESSAGES_DAYS)),
}
# The columns that hold a message's id and decide in which day its row lies, or what a repetition meets.
NAMED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "gateway": {"messages": ("id",), "message_bodies": ("id",), "message_wamids": ("id",)},
    "consent": {"decisions": ("message_id",)},
    "billing": {"reservations": ("message_id",), "transfers": ("id", "message_id")},
}
COPIES = 1_000  # rows of a day that is over
DAYS_OVER = 2

_KEYS = """
    insert into idempotency_keys (tenant_id, key_index, fingerprint, message_id, lease_until, finished_at, created_at)
    select $1, encode(sha256(n::text::bytea), 'base64'), sha256(n::text::bytea), gen_random_uuid(), at, at, at
      from (select n, now() - make_interval(hours => $2) + make_interval(secs => n / $3::float8) as at
              from generate_series(1, $4::int) as n) as planted
"""
_COLUMNS = """
    select array_agg(attname::text order by attnum) from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
"""
_KEY = """
    select attname from pg_partitioned_table join pg_attribute on attrelid = partrelid and attnum = partattrs[0]
     where partrelid = $1::regclass
"""
_SEEN = """
    insert into seen (group_name, event_id, occurred_at)
    select 'soak', gen_random_uuid(), $1 from generate_series(1, $2::int)
"""
_DAYS = """
    select child.relname from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = $1::regclass and child.relname ~ '_[0-9]{8}$'
"""


async def plant_keys(stack: Stack, tenant_id: UUID, *, per_second: float, seconds: float) -> int:
    """Idempotency keys that come to the end of their time at the pace at which the load makes new ones."""
    count = int(per_second * seconds)
    async with _connected(stack, "postgres", "gateway") as connection:
        await connection.execute(_KEYS, tenant_id, KEPT_HOURS, per_second, count)
    return count


def days_to_last_month() -> int:
    """How many days ago the last day of last month was."""
    return datetime.now(UTC).day


def earlier(message_id: UUID, days: int) -> UUID:
    """The id that a message would have, had it been accepted so many days before."""
    return UUID(int=message_id.int - (days * 86_400_000 << 80))


async def move(stack: Stack, message_ids: Sequence[UUID], days: int) -> None:
    """Let messages have been accepted so many days before: their rows go to the partitions of those days."""
    for service, tables in NAMED.items():
        if service in BY_DAYS:
            async with _connected(stack, f"{service}_owner", service) as connection:
                for table in tables:
                    await _make_days(connection, table, "uuid7", _days_of(message_ids, days))
        async with _connected(stack, "postgres", service) as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")  # the books refuse every change
            for table, columns in tables.items():
                changes = ", ".join(f"{column} = {_earlier(column, days)}" for column in columns)
                await connection.execute(f"update {table} set {changes} where {columns[0]} = any ($1)", message_ids)


async def rows_of(stack: Stack, message_ids: Sequence[UUID]) -> dict[str, list[str]]:
    """Everything that is known of messages, as text."""
    found: dict[str, list[str]] = {}
    for service, tables in NAMED.items():
        async with _connected(stack, "postgres", service) as connection:
            for table, columns in tables.items():
                query = f"select t::text from {table} t where {columns[0]} = any ($1) order by 1"
                found[f"{service}.{table}"] = [row[0] for row in await connection.fetch(query, message_ids)]
    return found


async def plant_old_days(stack: Stack) -> set[str]:
    """Copy rows of today to a day that is over, in every table that is kept by days; the names of these days."""
    planted: set[str] = set()
    for service, (parents, kept) in BY_DAYS.items():
        async with _connected(stack, f"{service}_owner", service) as connection:
            for parent, by_key in parents.items():
                day = datetime.now(UTC).date() - timedelta(days=kept[parent] + DAYS_OVER)
                planted |= {f"{service}.{name}" for name in await _make_days(connection, parent, by_key, [day])}
                await _copy(connection, parent, by_key, kept[parent] + DAYS_OVER)
    return planted


async def days(stack: Stack) -> set[str]:
    """The names of all days that there are."""
    found: set[str] = set()
    for service, (parents, _) in BY_DAYS.items():
        async with _connected(stack, "postgres", service) as connection:
            for parent in parents:
                found |= {f"{service}.{row[0]}" for row in await connection.fetch(_DAYS, parent)}
    return found


async def _copy(connection: "asyncpg.Connection[Any]", parent: str, by_key: str, days: int) -> None:
    columns, key = await connection.fetchval(_COLUMNS, parent), await connection.fetchval(_KEY, parent)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if by_key == "uuid7":
        shifted, since = _earlier(key, days), f"'{_bound(today.date())}'::uuid"
    else:
        shifted, since = f"{key} - interval '{days} days'", f"'{today.isoformat()}'::timestamptz"
    values = [shifted if column == key else column for column in columns]
    await connection.execute(
        f"insert into {parent} ({', '.join(columns)}) select {', '.join(values)} from {parent}"
        f" where {key} >= {since} limit {COPIES}"
    )
    if parent == "seen":  # the load has few facts that are known by their first sight alone
        await connection.execute(_SEEN, today - timedelta(days=days), COPIES)


async def _make_days(
    connection: "asyncpg.Connection[Any]", parent: str, by_key: str, wanted: Sequence[date]
) -> list[str]:
    """As `make_day_partitions`, which makes them around today only."""
    names = [f"{parent}_{day:%Y%m%d}" for day in wanted]
    for name, day in zip(names, wanted, strict=True):
        after = day + timedelta(days=1)
        low, high = (_bound(day), _bound(after)) if by_key == "uuid7" else (f"{day} 00:00+00", f"{after} 00:00+00")
        await connection.execute(
            f"create table if not exists {name} partition of {parent} for values from ('{low}') to ('{high}')"
        )
    return names


def _earlier(column: str, days: int) -> str:
    """`earlier` in SQL."""
    digits = f"replace({column}::text, '-', '')"
    milliseconds = f"('x' || left({digits}, 12))::bit(48)::bigint - {days * 86_400_000}::bigint"
    return f"(lpad(to_hex({milliseconds}), 12, '0') || right({digits}, 20))::uuid"


def _days_of(message_ids: Sequence[UUID], days: int) -> list[date]:
    return sorted(
        {datetime.fromtimestamp((one.int >> 80) / 1_000, UTC).date() - timedelta(days) for one in message_ids}
    )


def _bound(day: date) -> UUID:
    return UUID(int=int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000 << 80)


@asynccontextmanager
async def _connected(stack: Stack, role: str, database: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(stack.infrastructure.postgres.dsn(role, database))
    try:
        yield connection
    finally:
        await connection.close()
