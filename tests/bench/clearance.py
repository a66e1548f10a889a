"""`python -m tests.bench.clearance`: how many messages a second consent can judge on one core, over a million persons.

Real PostgreSQL and the consumer's own code over one connection; client and database process are pinned to one core.
Kafka is no part of it. The figure is CPU time of both sides, so that other work on the machine does not change it.
"""

import argparse
import asyncio
import hashlib
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from uuid_utils.compat import uuid7

from deploy.local import documents
from deploy.local.paths import VAR
from services.consent.clearance import service
from services.consent.policy.service import Book
from services.kernel import clock, partitions
from services.kernel.contracts import event_id
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.db import Database
from tests.bench import calibration
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

GOAL_PER_SECOND = 5_000  # docs: issue 5, point 5
PERSONS, TENANTS, NUMBER = 1_000_000, 20, "100000000000001"
SHARE_OF_THE_LARGE = 0.5  # one tenant has half of the traffic
SHARE_OF_REPLIES, SHARE_OF_ADVERTS = 0.15, 0.05  # the rest are templates that rest on a consent
SEEDED_AT_ONCE = 50_000
BATCHES = (500, 70)  # a consumer that has more than it can do, and a tick at 700 messages a second
WARM_UP_BATCHES = 20
LIFETIME = timedelta(days=1)

# Everybody agreed to service messages, and a third wrote lately; person number i belongs to tenant i % 20.
SEED = """
    with people as (
        select cast(lpad(to_hex(1 + i % $3), 32, '0') as uuid) as tenant_id, i,
               encode(sha256(convert_to(cast(i as text), 'UTF8')), 'hex') as person
          from generate_series(cast($1 as int), cast($2 as int)) as i),
    agreed as (
        insert into consents (tenant_id, person, purpose, state, since, source, consent_id)
        select tenant_id, person, 'service', 'given', now() - interval '30 days', 'web_form', gen_random_uuid()
          from people)
    insert into windows (tenant_id, phone_number_id, person, last_inbound_at, expires_at)
    select tenant_id, $4, person, now(), now() + interval '24 hours' from people where i % 3 = 0
"""


async def run(found: Infrastructure, persons: int, decisions: int, console: Console) -> dict[str, Any]:
    """Seed a database of its own, measure every size of batch, drop the database."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    async with _seeded(found, persons, console) as database:
        runs = [await _measure(database, batch=size, persons=persons, decisions=decisions) for size in BATCHES]
    return {
        "persons": persons,
        "decisions_per_second": runs[0]["decisions_per_second"],
        "goal": GOAL_PER_SECOND,
        "runs": runs,
        "calibration_ns": calibration.nanoseconds(),
    }


@asynccontextmanager
async def _seeded(found: Infrastructure, persons: int, console: Console) -> AsyncIterator[Database]:
    template = await servers.make_template(found, "consent")
    async with servers.fresh_database(found, "consent", template) as database:
        await partitions.ensure(database, {"decisions": "uuid7"})
        console.print(f"recording {persons} persons", highlight=False)
        owner = await asyncpg.connect(found.owners["consent"].rpartition("/")[0] + f"/{database.engine.url.database}")
        for first in range(0, persons, SEEDED_AT_ONCE):
            await owner.execute(SEED, first, min(first + SEEDED_AT_ONCE, persons) - 1, TENANTS, NUMBER)
        for table in ("consents", "windows"):
            await owner.execute(f"vacuum analyze {table}")
        await owner.close()
        yield database


async def _measure(database: Database, *, batch: int, persons: int, decisions: int) -> dict[str, Any]:
    """Judge fresh messages batch by batch, each in its transaction; making the messages is not counted."""
    chance, book, backend = random.Random(batch), Book(), await _pinned_backend(database)
    client = wall = 0.0
    server_before, counted, refused = 0.0, 0, 0
    for number in range(-WARM_UP_BATCHES, decisions // batch):
        messages = [_message(chance, persons) for _ in range(batch)]
        if number == 0:
            client, wall, server_before, counted, refused = 0.0, 0.0, _cpu_seconds(backend), 0, 0
        cpu_begun, wall_begun = time.process_time(), time.perf_counter()
        async with database.transaction() as connection:
            facts = await service.decide(connection, messages, book=book, class_of=lambda _: "standard")
        client += time.process_time() - cpu_begun
        wall += time.perf_counter() - wall_begun
        counted += batch
        refused += sum("refused" in fact.TYPE for fact in facts)
    server = _cpu_seconds(backend) - server_before
    return {
        "batch": batch,
        "decisions": counted,
        "refused": refused,
        "client_us": round(client / counted * 1e6, 1),
        "server_us": round(server / counted * 1e6, 1),
        "decisions_per_second": round(counted / (client + server)),
        "wall_decisions_per_second": round(counted / wall),
    }


async def _pinned_backend(database: Database) -> int:
    """The database process behind the one connection that a sequential client uses, on the client's own core."""
    async with database.transaction() as connection:
        backend = int(await connection.scalar(text("select pg_backend_pid()")) or 0)
    os.sched_setaffinity(backend, os.sched_getaffinity(0))
    return backend


def _cpu_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _message(chance: random.Random, persons: int) -> MessageAccepted:
    tenant = 0 if chance.random() < SHARE_OF_THE_LARGE else chance.randrange(1, TENANTS)
    person = chance.randrange(persons // TENANTS) * TENANTS + tenant
    what = chance.random()
    is_reply, is_advert = what < SHARE_OF_REPLIES, what > 1 - SHARE_OF_ADVERTS
    message_id, now = uuid7(), clock.now()
    return MessageAccepted(
        id=event_id(message_id, "accepted"),
        occurred_at=now,
        tenant_id=UUID(int=1 + tenant),
        message_id=message_id,
        phone_number_id=NUMBER,
        person=hashlib.sha256(str(person).encode()).hexdigest(),
        kind="text" if is_reply else "template",
        category="service" if is_reply else "marketing" if is_advert else "utility",
        country="RU",
        lane="express" if is_reply else "bulk",
        expires_at=now + LIFETIME,
        body=b"sealed",
    )


def _show(found: dict[str, Any], console: Console) -> None:
    table = Table("batch", "client us", "server us", "decisions/s on one core", "by the clock")
    for one in found["runs"]:
        names = ("batch", "client_us", "server_us", "decisions_per_second", "wall_decisions_per_second")
        table.add_row(*(str(one[name]) for name in names))
    console.print(table)
    console.print(f"goal: {found['goal']} a second; calibration {found['calibration_ns']} ns", highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.clearance", description=__doc__)
    parser.add_argument("--persons", type=int, default=PERSONS, help="fewer start sooner")
    parser.add_argument("--decisions", type=int, default=40_000, help="how many are counted for each size of batch")
    parser.add_argument("--out", type=Path, default=VAR / "bench-clearance" / "latest.json")
    given = parser.parse_args()
    console = Console()
    with servers.running() as infrastructure:
        found = asyncio.run(run(infrastructure, given.persons, given.decisions, console))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    documents.write(given.out, found)
    _show(found, console)
    console.print(f"written: {given.out}", highlight=False)


if __name__ == "__main__":
    main()
