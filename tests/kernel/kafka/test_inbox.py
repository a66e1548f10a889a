"""First-sight rows: a fact is new to a group once, and batches that share facts never wait for each other in a ring."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from services.kernel import clock
from services.kernel.contracts.outcomes import MessageExpired
from services.kernel.db import Database
from services.kernel.kafka import inbox

AT = clock.now()
FIRST, MIDDLE, LAST = (
    MessageExpired(id=UUID(int=n), occurred_at=AT, tenant_id=UUID(int=0), message_id=UUID(int=n), person="p")
    for n in (1, 2, 3)
)


@pytest.fixture
async def database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("billing")


async def test_a_fact_is_new_to_each_group_once(database: Database) -> None:
    async with database.transaction() as connection:
        assert await inbox.first_sight(connection, "one", [FIRST, LAST, FIRST]) == {FIRST.id, LAST.id}
        assert await inbox.first_sight(connection, "one", [FIRST, MIDDLE]) == {MIDDLE.id}
        assert await inbox.first_sight(connection, "other", [FIRST]) == {FIRST.id}
        assert await inbox.first_sight(connection, "one", []) == set()


async def test_batches_that_share_facts_in_another_order_do_not_deadlock(database: Database) -> None:
    async def see(events: list[MessageExpired]) -> set[UUID]:
        async with database.transaction() as connection:
            return await inbox.first_sight(connection, "one", events)

    async with database.transaction() as connection:
        await inbox.first_sight(connection, "one", [MIDDLE])
        one = asyncio.create_task(see([FIRST, MIDDLE, LAST]))  # stops at what is held here
        await asyncio.sleep(0.2)
        other = asyncio.create_task(see([LAST, FIRST]))
        await asyncio.sleep(0.2)
    assert [await one, await other] == [{FIRST.id, LAST.id}, set()]
