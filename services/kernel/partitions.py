"""Partitions by the time inside the fact: made ahead and dropped by functions that the owner lends to the service."""

import asyncio
from collections.abc import Mapping

from sqlalchemy import text

from services.kernel import periodic
from services.kernel.contracts.base import DEAD_RETENTION
from services.kernel.db import Database
from services.kernel.logging import get_logger

DAYS_AHEAD = 7
DAYS_BEHIND = 2
HOUR_SECONDS = 3600
# What makes the repetition of a fact harmless is kept for as long as it can come again: a dead letter may be replayed
# on its last day. The week is for clocks, and for people who repair.
REPEATED_DAYS = DEAD_RETENTION.days + 7
STRAYS_MAX = 5_000  # rows of a default partition in one statement: some ten milliseconds

_log = get_logger()

# The service's role may not run DDL; this function runs as the owner and makes day partitions only.
# by 'uuid7' the bounds are UUIDv7 values whose first 48 bits are the day's start in milliseconds; such rows move on,
# so their pages keep room for the new versions: as much as the default partition's, where that says how much.
# A day of which the default partition has rows already stays there. pg_temp stands last, as in every function that runs
# as the owner: where it is not named it comes first, and the role's own temporary tables with it.
FUNCTION = """
create function make_day_partitions(parent text, by_key text, days_behind int, days_ahead int) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    day date;
    name text;
    low text;
    high text;
    filled int := case by_key when 'uuid7' then 70 else 100 end;
begin
    if by_key not in ('time', 'uuid7') then
        raise exception 'partitions are made by time or by uuid7, not by %', by_key;
    end if;
    perform pg_advisory_xact_lock(hashtext('make_day_partitions ' || parent));
    filled := coalesce((
        select option_value::int from pg_class, pg_options_to_table(reloptions)
         where oid = to_regclass(parent || '_default') and option_name = 'fillfactor'), filled);
    for day in select generate_series(
        (now() at time zone 'utc')::date - days_behind, (now() at time zone 'utc')::date + days_ahead, '1 day')::date
    loop
        name := parent || '_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(name) is not null;
        if by_key = 'time' then
            low := to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00';
            high := to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00';
        else
            low := rpad(lpad(to_hex(extract(epoch from day::timestamp)::bigint * 1000), 12, '0'), 32, '0')::uuid;
            high := rpad(lpad(to_hex(extract(epoch from (day + 1)::timestamp)::bigint * 1000), 12, '0'), 32, '0')::uuid;
        end if;
        begin
            execute format('create table %I partition of %I for values from (%L) to (%L) with (fillfactor = %s)',
                           name, parent, low, high, filled);
        exception when check_violation then
            raise notice 'the rows of % stay in the default partition of %', day, parent;
        end;
    end loop;
end $$;
"""

# The days that each table keeps at least stand here: the service may ask for more. One day a call, the oldest first, so
# that a table is held for one drop only; then the rows of such days that fell into the default partition. Whoever finds
# another at it has nothing to do. A drop waits for all statements on its table and all new ones wait for it, so it
# gives up soon, to try again.
DROP_FUNCTION = """
create function drop_old_day(parent text, days_kept int, strays_max int) returns bigint
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '1s' as $$
declare
    days_least int := (select least_kept.days from (values {least}) as least_kept (name, days)
                        where least_kept.name = parent);
    first_kept date := (now() at time zone 'utc')::date - days_kept;
    old_day text;
    key text;
    bound text;
    gone bigint;
begin
    if days_least is null or days_kept < days_least then
        raise exception 'days of % are not dropped after % days', parent, days_kept;
    end if;
    if not pg_try_advisory_xact_lock(hashtext('drop_old_day ' || parent)) then
        return 0;
    end if;
    select child.relname into old_day
      from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = parent::regclass and child.relname ~ ('^' || parent || '_[0-9]{{8}}$')
       and to_date(right(child.relname, 8), 'YYYYMMDD') < first_kept
     order by child.relname limit 1;
    if old_day is not null then
        execute format('drop table %I', old_day);
        return 1;
    end if;
    select attname,
           case when atttypid = 'uuid'::regtype
                then rpad(lpad(to_hex(extract(epoch from first_kept::timestamp)::bigint * 1000), 12, '0'), 32, '0')
                else first_kept || ' 00:00:00+00' end
      into key, bound
      from pg_partitioned_table join pg_attribute on attrelid = partrelid and attnum = partattrs[0]
     where partrelid = parent::regclass;
    execute format('delete from %1$I where ctid = any (array(select ctid from %1$I where %2$I < %3$L limit %4$s))',
                   parent || '_default', key, bound, strays_max);
    get diagnostics gone = row_count;
    return gone;
end $$;
revoke execute on function drop_old_day from public;
grant execute on function drop_old_day to {role};
"""


def drop_function(role: str, days_least: Mapping[str, int]) -> str:
    """The function that lets `role` drop old days of these tables, each kept for so many days at least."""
    least = ", ".join(f"('{name}', {days})" for name, days in days_least.items())
    return DROP_FUNCTION.format(role=role, least=least)


_DROP = text("select drop_old_day(:parent, :days_kept, :strays_max)")
_MAKE = text("select make_day_partitions(:parent, :by_key, :behind, :ahead)")


async def ensure(database: Database, tables: dict[str, str]) -> None:
    """Make the coming days' partitions of each table {name: "time" | "uuid7"}; a default partition catches the rest."""
    for parent, by_key in tables.items():
        async with database.transaction() as connection:
            await connection.execute(
                _MAKE, {"parent": parent, "by_key": by_key, "behind": DAYS_BEHIND, "ahead": DAYS_AHEAD}
            )


async def drop_old(database: Database, days_kept: Mapping[str, int]) -> dict[str, int]:
    """Drop the days of each table {name: days} that are over; how many went, and rows that had strayed."""
    return {parent: await _drop(database, parent, days) for parent, days in days_kept.items()}


async def _drop(database: Database, parent: str, days_kept: int) -> int:
    dropped = 0
    while True:
        async with database.transaction() as connection:
            parameters = {"parent": parent, "days_kept": days_kept, "strays_max": STRAYS_MAX}
            gone = int(await connection.scalar(_DROP, parameters) or 0)
        if gone == 0:
            return dropped
        _log.info("old days are dropped", table=parent, count=gone)
        dropped += gone


async def keep(
    database: Database, tables: dict[str, str], stop: asyncio.Event, *, days_kept: Mapping[str, int] | None = None
) -> None:
    """Keep partitions ahead of time, and drop those that are over, hourly until `stop`."""

    async def turn() -> None:
        await ensure(database, tables)
        await drop_old(database, days_kept or {})

    await periodic.every(HOUR_SECONDS, turn, stop, name="partitions")
