"""How many rows and bytes each table of a stack has, and how much its servers have written to the disk."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.bench.depths import QUEUES, Depths
from tests.bench.processes import MEGABYTE
from tests.soak.expectations import BY_MESSAGES

# A partition counts for its parent, an index and what lies outside of the rows (toast) for its table. Rows are what the
# server's own statistics say (n_live_tup: inserted and not deleted; exact but for what is being written), because
# counting a table that grows with messages would cost more the longer the run takes.
_SIZES = """
    select coalesce(pg_partition_root(c.oid), c.oid)::regclass::text as name,
           sum(pg_total_relation_size(c.oid))::bigint as bytes, sum(coalesce(s.n_live_tup, 0))::bigint as rows
      from pg_class c left join pg_stat_user_tables s on s.relid = c.oid
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> 'alembic_version'
     group by 1
"""


class Tables(Depths):
    """Adds tables, and `disks` (directories by name), to the depths."""

    def __init__(self, dsns: Mapping[str, str], kafka: str, *, disks: Mapping[str, Path]) -> None:
        super().__init__(dsns, kafka)
        self._disks = disks
        self._counts: dict[str, str] = {}
        self._known = frozenset(f"{service}.{name}" for service, names in QUEUES.items() for name in names)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for service, connection in self._databases.items():
            names = [name for name, _, _ in await connection.fetch(_SIZES)]
            flat = [name for name in names if f"{service}.{name}" not in BY_MESSAGES | self._known]
            self._counts[service] = " union all ".join(f"select '{name}', count(*) from {name}" for name in flat)
        return self

    async def queues(self) -> dict[str, float]:
        """As well: rows.SERVICE.TABLE (those that should be flat are counted), bytes.SERVICE.TABLE and disk.NAME."""
        found = await super().queues()
        for service, connection in self._databases.items():
            for name, size, rows in await connection.fetch(_SIZES):
                found[f"bytes.{service}.{name}"] = size / MEGABYTE
                if f"{service}.{name}" in BY_MESSAGES:
                    found[f"rows.{service}.{name}"] = rows
            for name, count in await connection.fetch(self._counts[service]):
                found[f"rows.{service}.{name}"] = count
        return found | {f"disk.{name}": _megabytes(place) for name, place in self._disks.items()}


def _megabytes(directory: Path) -> float:
    """What the files of a directory take; preallocated ones as much as was written."""
    total = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_blocks * 512
            except FileNotFoundError:  # just removed
                continue
    return total / MEGABYTE
