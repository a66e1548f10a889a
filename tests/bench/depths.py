"""How deep the queues of a stack are: rows that wait in its databases, and how far its consumer groups are behind."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

# Only what must become empty again: tables that keep history grow by design.
QUEUES: Mapping[str, tuple[str, ...]] = {
    "gateway": ("dispatch_queue", "callback_queue", "callback_deliveries", "unmatched_statuses", "outbox"),
    "consent": ("outbox",),
    "billing": ("outbox", "early_reports"),
    "webhook": ("outbox",),
}


class Depths:
    """Connections of its own, so that what is measured is not asked to measure itself."""

    def __init__(self, dsns: Mapping[str, str], kafka: str) -> None:
        self._dsns = dsns
        self._admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        self._reader = AIOKafkaConsumer(bootstrap_servers=kafka)
        self._databases: dict[str, asyncpg.Connection[Any]] = {}
        self._queries: dict[str, str] = {}
        self._groups: list[str] = []

    async def __aenter__(self) -> Self:
        await self._reader.start()
        await self._admin.start()
        self._groups = sorted(group for group, _ in await self._admin.list_consumer_groups())
        for service, dsn in self._dsns.items():
            connection = self._databases[service] = await asyncpg.connect(dsn)
            tables = await connection.fetchval(
                "select array_agg(relname::text) from pg_class where relkind in ('r', 'p')"
            )
            self._queries[service] = _count([table for table in QUEUES[service] if table in tables])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for connection in self._databases.values():
            await connection.close()
        await self._admin.close()
        await self._reader.stop()

    async def queues(self) -> dict[str, float]:
        """Rows by queue: gateway.dispatch_queue, consent.outbox, ..."""
        found: dict[str, float] = {}
        for service, query in self._queries.items():
            if query:
                rows = await self._databases[service].fetch(query)
                found |= {f"{service}.{name}": count for name, count in rows}
        return found

    async def lags(self) -> dict[str, int]:
        """Records that each consumer group has still to read: lag.consent.messages, ..."""
        committed = {group: await self._admin.list_consumer_group_offsets(group) for group in self._groups}
        places = {place for found in committed.values() for place in found}
        ends = await self._reader.end_offsets(list(places)) if places else {}
        return {
            f"lag.{group}": sum(max(0, ends[place] - max(0, at.offset)) for place, at in found.items())
            for group, found in committed.items()
        }


def _count(tables: list[str]) -> str:
    return " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)
