"""A gateway's database with one number, and hands that claim from its queue."""

from collections.abc import Awaitable, Callable

import pytest

from services.kernel.db import Database
from tests.gateway.dispatch.stand import Worker
from tests.gateway.messages.stand import Desk


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    return desk


@pytest.fixture
def worker(desk: Desk) -> Worker:
    return Worker(desk)


@pytest.fixture
def other(desk: Desk) -> Worker:
    return Worker(desk)
