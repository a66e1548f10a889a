"""Reserve and capture with one hot tenant, one client core, a real PostgreSQL: `python -m tests.bench.reservations`."""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import text
from uuid_utils.compat import uuid7

from services.billing.ledger import service as ledger
from services.billing.reservations.consumers import handle_batch
from services.billing.reservations.service import Payer
from services.kernel import clock
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import MessageCleared
from services.kernel.contracts.statuses import ReportedStatus, StatusReported
from services.kernel.db import Database
from services.kernel.kafka.consumer import Received
from tests.bench import calibration
from tests.fixtures import infrastructure as servers

RESULT = Path("var/bench/reservations.json")
MONEY_MICROS = 10**15
WARM_UP_BATCHES = 5
PERSON = "a" * 64


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How much of what."""

    messages: int
    batch: int
    tenants: int


@dataclass(kw_only=True)
class Cost:
    """Seconds that one kind of batch took: by the clock, of the client's CPU, of the server's."""

    wall: float = 0.0
    client: float = 0.0
    server: float = 0.0

    def per_message(self, messages: int) -> dict[str, float]:
        seconds = {"wall_us": self.wall, "client_us": self.client, "server_us": self.server}
        return {name: round(value / messages * 1e6, 1) for name, value in seconds.items()}


def main() -> None:
    """Measure, write JSON, show a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reservations", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--tenants", type=int, default=1)
    wish = Wish(**vars(parser.parse_args()))
    with servers.running() as infrastructure:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        result = asyncio.run(_measure(infrastructure, wish))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _show(Console(), result)


async def _measure(infrastructure: servers.Infrastructure, wish: Wish) -> dict[str, Any]:
    template = await servers.make_template(infrastructure, "billing")
    async with servers.fresh_database(infrastructure, "billing", template) as database:
        tenants = [await _open_tenant(database) for _ in range(wish.tenants)]
        await _run(database, tenants, wish.batch, [wish.batch] * WARM_UP_BATCHES)
        rest = [wish.batch] * (wish.messages // wish.batch)
        begun = time.perf_counter()
        costs = await _run(database, tenants, wish.batch, track(rest, "reserving and capturing"))
        seconds = time.perf_counter() - begun
        books = await _books(database)
    return _result(wish, costs, seconds=seconds, books=books)


def _result(wish: Wish, costs: dict[str, Cost], *, seconds: float, books: dict[str, int]) -> dict[str, Any]:
    messages = wish.messages // wish.batch * wish.batch
    work = (costs["cleared"], costs["delivered"])
    return {
        "reserve_and_capture_per_second": round(messages / sum(cost.wall for cost in work)),
        "per_cpu_second": round(messages / sum(cost.client + cost.server for cost in work)),
        "messages": messages,
        "batch": wish.batch,
        "tenants": wish.tenants,
        "seconds": round(seconds, 2),
        "calibration_ns": calibration.nanoseconds(),
        "costs": {name: cost.per_message(messages) for name, cost in costs.items()},
        **books,
    }


async def _open_tenant(database: Database) -> UUID:
    tenant_id: UUID = uuid7()
    async with database.transaction() as connection:
        await ledger.top_up(
            connection, tenant_id=tenant_id, amount_micros=MONEY_MICROS, currency="RUB", reference="bench"
        )
    return tenant_id


async def _run(database: Database, tenants: Sequence[UUID], size: int, batches: Any) -> dict[str, Cost]:
    """Batches of each fact of the same messages, one after another; what each kind cost."""
    kinds: dict[str, Callable[[UUID, UUID], Event]] = {
        "cleared": _cleared,
        "delivered": lambda tenant, message: _reported(tenant, message, "delivered"),
        "read": lambda tenant, message: _reported(tenant, message, "read"),
    }
    costs = {name: Cost() for name in kinds}
    backend = await _backend(database)
    for _ in batches:
        messages = [(tenants[number % len(tenants)], uuid7()) for number in range(size)]
        for name, make in kinds.items():
            batch = [Received(make(*message), 0, number) for number, message in enumerate(messages)]
            await _timed(costs[name], backend, lambda batch=batch: _feed(database, batch))  # type: ignore[misc]
    return costs


async def _feed(database: Database, batch: Sequence[Received]) -> None:
    async with database.transaction() as connection:
        await handle_batch(connection, batch, payer_of=lambda _: Payer("Europe/Moscow", "standard"))


async def _timed(cost: Cost, backend: int, act: Callable[[], Awaitable[None]]) -> None:
    wall, client, server = time.perf_counter(), time.process_time(), _cpu_seconds(backend)
    await act()
    cost.wall += time.perf_counter() - wall
    cost.client += time.process_time() - client
    cost.server += _cpu_seconds(backend) - server


async def _backend(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await connection.scalar(text("select pg_backend_pid()")) or 0)


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, finer than the ticks of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(fields[0]) / 1e9


BOOKS = text("""
    select (select count(*) from reservations where state = 'captured') as captured,
           (select sum(balance_micros)::bigint from accounts) as ledger_sum,
           (select sum(balance_micros)::bigint from accounts where kind = 'held') as held
""")


async def _books(database: Database) -> dict[str, int]:
    async with database.transaction() as connection:
        return dict((await connection.execute(BOOKS)).one()._mapping)


def _cleared(tenant_id: UUID, message_id: UUID) -> MessageCleared:
    return MessageCleared(
        id=event_id(message_id, "cleared"),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        message_id=message_id,
        person=PERSON,
        kind="template",
        category="utility",
        basis="consent",
        window_expires_at=None,
        expires_at=clock.now() + timedelta(days=1),
    )


def _reported(tenant_id: UUID, message_id: UUID, status: ReportedStatus) -> StatusReported:
    return StatusReported(
        id=event_id(message_id, status),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        routing_key=str(message_id),
        message_id=message_id,
        wamid_index=message_id.hex * 2,
        phone_number_id="100000000000001",
        status=status,
    )


def _show(console: Console, result: dict[str, Any]) -> None:
    table = Table("batch of", "wall µs", "client µs", "server µs", title="a message")
    for name, cost in result["costs"].items():
        table.add_row(name, *(f"{cost[column]:.1f}" for column in ("wall_us", "client_us", "server_us")))
    console.print(table)
    console.print(
        f"{result['reserve_and_capture_per_second']} messages/s reserved and captured by one worker "
        f"({result['per_cpu_second']} a second of CPU, client and server together), "
        f"{result['tenants']} tenant(s), batches of {result['batch']}; the books' sum is {result['ledger_sum']}"
    )
    console.print(f"written: {RESULT}", highlight=False)


if __name__ == "__main__":
    main()
