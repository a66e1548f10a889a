"""Facts that are born in the database: written with the change itself, published and deleted after it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.contracts import Event
from services.kernel.db import Database
from services.kernel.errors import is_retryable
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, encode, stored
from services.kernel.logging import get_logger

BATCH_MAX = 500
IDLE_SECONDS = 0.25
TICK_SECONDS = 0.25
BACKOFF_SECONDS = 1.0
# One relay at a time per service keeps the order; the number only has to be the same in every copy.
RELAY_LOCK = 7_261_001

_log = get_logger()

_ADD = text("""
    insert into outbox (topic, key, value, event_type, event_id)
    select * from unnest(cast(:topics as text[]), cast(:keys as bytea[]), cast(:values as bytea[]),
                         cast(:types as text[]), cast(:ids as uuid[]))
""")
# Mostly there is nothing to lock for: a look that finds nothing is one statement.
_LOCK = text("select case when exists (select from outbox) then pg_try_advisory_xact_lock(:lock) end")
_NEXT = text("select id, topic, key, value, event_type, event_id from outbox order by id limit :count")
_DELETE = text("delete from outbox where id = any(cast(:ids as bigint[]))")


async def add(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Publish `events` if and only if the caller's transaction commits."""
    if not events:
        return
    records = [encode(event) for event in events]
    await connection.execute(
        _ADD,
        {
            "topics": [record.topic for record in records],
            "keys": [record.key for record in records],
            "values": [record.value for record in records],
            "types": [event.TYPE for event in events],
            "ids": [event.id for event in events],
        },
    )


class Relay:
    """Moves outbox rows to Kafka; `wake()` it after a commit, else it looks four times a second.

    Under load a batch begins a tick after the one before; a lone fact goes at once.
    """

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; an outage is waited out, nothing is dropped."""
        while not stop.is_set():
            began_at = time.monotonic()
            try:
                moved = await self.move_batch()
            except Exception as error:
                if not is_retryable(error):
                    raise
                _log.warning("outbox is waiting", error_class=type(error).__name__)
                await asyncio.sleep(BACKOFF_SECONDS)
                continue
            if moved < BATCH_MAX:
                await self._rest(began_at + TICK_SECONDS)

    async def _rest(self, until: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._woken.wait()
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        self._woken.clear()

    async def move_batch(self) -> int:
        """Publish the oldest rows and delete them after Kafka's acknowledgement; returns how many."""
        async with self._database.transaction() as connection:
            if not await connection.scalar(_LOCK, {"lock": RELAY_LOCK}):
                return 0
            rows = (await connection.execute(_NEXT, {"count": BATCH_MAX})).all()
            if rows:
                await self._publisher.send([_record(row) for row in rows])
                await connection.execute(_DELETE, {"ids": [row.id for row in rows]})
            return len(rows)


def _record(row: Row[Any]) -> Record:
    return stored(topic=row.topic, key=row.key, value=row.value, type_=row.event_type, id_=str(row.event_id))
