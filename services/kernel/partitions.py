"""Partitions by the time inside the fact: made ahead by a function that the owner role lends to the service."""

import asyncio

from sqlalchemy import text

from services.kernel import periodic
from services.kernel.db import Database

DAYS_AHEAD = 7
DAYS_BEHIND = 2
HOUR_SECONDS = 3600

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

_MAKE = text("select make_day_partitions(:parent, :by_key, :behind, :ahead)")


async def ensure(database: Database, tables: dict[str, str]) -> None:
    """Make the coming days' partitions of each table {name: "time" | "uuid7"}; a default partition catches the rest."""
    for parent, by_key in tables.items():
        async with database.transaction() as connection:
            await connection.execute(
                _MAKE, {"parent": parent, "by_key": by_key, "behind": DAYS_BEHIND, "ahead": DAYS_AHEAD}
            )


async def keep(database: Database, tables: dict[str, str], stop: asyncio.Event) -> None:
    """Keep partitions ahead of time, hourly, until `stop`."""
    await periodic.every(HOUR_SECONDS, lambda: ensure(database, tables), stop, name="partitions")
