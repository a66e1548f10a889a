"""Fixtures of the delivery tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.kernel.db import Database
from tests.gateway.deliveries.receiver import Receiver, receiving
from tests.gateway.deliveries.world import World


@pytest.fixture
async def world(make_database: Callable[[str], Awaitable[Database]], kek_file: Path) -> World:
    return World(await make_database("gateway"), kek_file)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def other_receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found
