"""What waited and what was told before facts were stored as bundles waits, and is told again, after that."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from services.gateway.told import service as told
from services.kernel import migrate
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

SINCE = "0015"
AT = datetime(2026, 11, 22, 12, 0, 5, 900_000, tzinfo=UTC)

OLD_FACT = """
    insert into callback_facts (endpoint_id, tenant_id, event_id, person, phone_number_id, kind, topic, subject_id,
                                occurred_at, content)
    values ($1, $1, $2, 'anna', '100001', 'status', 'statuses.sent', $3, $4, '{"status":"sent"}')
"""
OLD_TOLD = """
    insert into callback_told (endpoint_id, tenant_id, event_id, sequence, person, phone_number_id, kind, topic,
                               subject_id, occurred_at, content)
    values ($1, $1, $2, 70 + $5, 'anna', '100001', 'status', 'statuses.sent', $3, $4, '{"status":"sent"}')
"""
OLD_DELIVERY = """
    insert into callback_deliveries (id, tenant_id, endpoint_id, body, facts, message_ids, conversations, due_at,
                                     created_at)
    select $1, endpoint_id, endpoint_id, '', 1, array[subject_id], '{}', now(), told_at
      from callback_told where subject_id = $2
"""
ENDPOINT = """
    insert into callback_endpoints (id, is_first, tenant_id, secret, secret_hint) values ($1, true, $1, 'x', 'x')
"""


async def test_what_waited_waits_and_what_was_told_is_told_again(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    template = await servers.make_template(infrastructure, "gateway", _older(tmp_path))
    async with servers.fresh_database(infrastructure, "gateway", template) as database:
        owner = servers.sqlalchemy_url(infrastructure.owners["gateway"], str(database.engine.url.database))
        tenant_id, waiting, taken, under_way = uuid4(), uuid4(), uuid4(), uuid4()
        await _fill(owner, tenant_id, waiting, taken, under_way)
        await asyncio.to_thread(migrate.migrate, servers.migrations_of("gateway"), owner)
        async with database.transaction() as connection:
            [fact] = await connection.execute(text("select * from callback_facts"))
            assert (fact.endpoint_id, fact.subject_id, fact.topic, fact.is_again) == (
                tenant_id, waiting, "statuses.sent", False,
            )  # fmt: skip
            assert (fact.content, fact.occurred_at) == ('{"status": "sent"}', AT.replace(microsecond=0))
            since = AT.replace(year=2020)
            assert await told.called_back_at(connection, tenant_id, taken, since=since) is not None
            assert await told.called_back_at(connection, tenant_id, under_way, since=since) is None
            done = await told.replay_message(connection, tenant_id, taken)
            assert (done.queued, done.already_waiting) == (1, 0)
            rows = await connection.execute(text("select subject_id from callback_facts where is_again"))
            assert [row.subject_id for row in rows] == [taken]


def _older(folder: Path) -> Path:
    """The migrations before this one."""
    shutil.copytree(servers.migrations_of("gateway"), folder / "migrations")
    for file in (folder / "migrations" / "versions").glob("*.py"):
        if file.name >= SINCE:
            file.unlink()
    return folder / "migrations"


async def _fill(owner: str, tenant_id: UUID, waiting: UUID, taken: UUID, under_way: UUID) -> None:
    connection = await asyncpg.connect(owner.replace("+asyncpg", ""))
    await connection.execute(ENDPOINT, tenant_id)
    await connection.execute(OLD_FACT, tenant_id, uuid4(), waiting, AT)
    for number, subject_id in enumerate((taken, under_way)):
        await connection.execute(OLD_TOLD, tenant_id, uuid4(), subject_id, AT, number)
    await connection.execute(OLD_DELIVERY, uuid4(), under_way)
    await connection.close()
