"""Work that is due again and again: an outage is waited out, a bug is raised, a stop is obeyed at once."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from services.kernel.errors import NotFound, Unavailable
from services.kernel.periodic import every


class Work:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.done = 0
        self.stop = asyncio.Event()

    async def act(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.done += 1
        if self.done == 3:
            self.stop.set()


async def test_work_is_done_until_it_is_told_to_stop() -> None:
    work = Work()
    await every(0.001, work.act, work.stop, name="test")
    assert work.done == 3


async def test_outages_are_waited_out() -> None:
    work = Work(ConnectionRefusedError(), KafkaConnectionError(), Unavailable("down"), TimeoutError())
    await every(0.001, work.act, work.stop, name="test")
    assert work.done == 3


@pytest.mark.parametrize("bug", [ValueError("bug"), NotFound("a failure that does not pass")])
async def test_a_bug_is_raised(bug: Exception) -> None:
    work = Work(bug)
    with pytest.raises(type(bug)):
        await every(0.001, work.act, work.stop, name="test")


async def test_a_stop_ends_a_long_pause() -> None:
    work = Work()
    running = asyncio.create_task(every(3_600, work.act, work.stop, name="test"))
    await asyncio.sleep(0.01)
    work.stop.set()
    async with asyncio.timeout(1):
        await running
    assert work.done == 1
