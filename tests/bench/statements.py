"""What PostgreSQL spent its time on, statement by statement (pg_stat_statements, only in profiled runs)."""

from collections.abc import Sequence
from typing import Any

import asyncpg

# Planning counts: the services' sessions plan every execution anew, on purpose (kernel/db.py).
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.track_utility": "on",
}
LINES, TEXT_CHARACTERS = 40, 230
CREATE = "create extension if not exists pg_stat_statements"
RESET = "select pg_stat_statements_reset()"
TOP = """
    select d.datname as database, s.calls, s.rows, s.toplevel,
           s.total_plan_time as plan_ms, s.total_exec_time as exec_ms,
           s.wal_bytes::bigint as wal_bytes, s.shared_blks_hit as blocks,
           regexp_replace(s.query, '\\s+', ' ', 'g') as query
      from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname <> 'postgres' and s.userid <> 10
     order by s.total_plan_time + s.total_exec_time desc
"""


async def reset(dsn: str) -> None:
    """Forget everything so far."""
    await _ask(dsn, CREATE)
    await _ask(dsn, RESET)


async def report(dsn: str) -> str:
    """A table of the dearest statements; time is by the clock, so waiting for a lock or the disk is in it."""
    return render(await _ask(dsn, TOP))


def render(rows: Sequence[Any]) -> str:
    whole = sum(row["plan_ms"] + row["exec_ms"] for row in rows if row["toplevel"])
    calls = sum(row["calls"] for row in rows if row["toplevel"])
    lines = [
        f"{calls} statements, {whole / 1000:.1f} s (planning {sum(row['plan_ms'] for row in rows) / 1000:.1f} s)",
        "  share  plan ms  exec ms    calls  rows/call  WAL/call  blocks/call  statement (+ inside a function)",
    ]
    for row in rows[:LINES]:
        calls, own = row["calls"], row["plan_ms"] + row["exec_ms"]
        lines.append(
            f"{own / max(whole, 1e-9):7.1%} {row['plan_ms']:8.0f} {row['exec_ms']:8.0f} {calls:8d} "
            f"{row['rows'] / calls:10.1f} {row['wal_bytes'] / calls:9.0f} {row['blocks'] / calls:12.1f}  "
            f"{'' if row['toplevel'] else '+ '}{row['database']}: {row['query'][:TEXT_CHARACTERS]}"
        )
    return "\n".join(lines) + "\n"


async def _ask(dsn: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()
