"""When a key was last used is known without a write for each request."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.gateway.api_keys.service import record_uses
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.api_keys.stand import Keyholder, new_keyholder
from tests.gateway.stand import AnotherGateway, Keys, database_down, running

MakeDatabase = Callable[[str], Awaitable[Database]]


async def test_a_use_is_written_down_with_the_next_batch(holder: Keyholder, gateway_database: Database) -> None:
    used, idle = await holder.make(), await holder.make()
    for _ in range(3):
        assert (await holder.use(used["key"])).status == 200
    assert [one["last_used_at"] for one in await holder.all()][1:] == [None, None]
    await record_uses(gateway_database, holder.gateway.app.state.doorkeeper)
    shown = {one["id"]: one["last_used_at"] for one in await holder.all()}
    assert shown[used["id"]] is not None
    assert shown[idle["id"]] is None


async def test_uses_are_written_down_at_the_end_of_the_process(another_gateway: AnotherGateway) -> None:
    async with another_gateway() as gateway:
        holder = await new_keyholder(gateway)
        assert (await holder.all())[0]["last_used_at"] is None
    async with another_gateway() as gateway:
        holder.gateway = gateway
        assert (await holder.all())[0]["last_used_at"] is not None


async def test_a_use_that_cannot_be_written_down_waits_for_the_next_time(
    infrastructure: Infrastructure, make_database: MakeDatabase, keys: Keys, kek_file: Path
) -> None:
    database = await make_database("gateway")
    async with running(infrastructure, database, keys, kek_file) as gateway:
        holder = await new_keyholder(gateway)
        assert (await holder.use(holder.tenant.api_key)).status == 200
        doorkeeper = gateway.app.state.doorkeeper
        async with database_down(infrastructure, database):
            with pytest.raises(DEPENDENCY_ERRORS):
                await record_uses(gateway.app.state.database, doorkeeper)
        assert doorkeeper._uses
        await record_uses(gateway.app.state.database, doorkeeper)
        assert not doorkeeper._uses
        assert (await holder.all())[0]["last_used_at"] is not None
