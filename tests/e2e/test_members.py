"""Workers come and go in the middle of the traffic: groups share the work anew, and nobody notices."""

import asyncio
import signal

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.groups import all_share
from tests.e2e.harness.waiting import eventually
from tests.e2e.traffic.story import Traffic, survive

COUNT_MAX, PER_SECOND = 950, 30.0  # half a minute: a group takes seconds to share the work anew
POSTED_FIRST, POSTED_LAST = 50, 150  # before the one joins, after the other was killed
JOINED_WITHIN_SECONDS = 60.0


@pytest.mark.parametrize("worker", ["gateway-worker", "consent-worker", "billing-worker"])
async def test_one_member_joins_each_group_and_another_is_killed_and_effects_are_once(
    world: World, worker: str
) -> None:
    first, second = worker, f"{worker}-2"

    async def happening(running: Traffic) -> None:
        await eventually(lambda: running.load.posted >= POSTED_FIRST)
        await asyncio.to_thread(world.stack.release, second)
        groups = await eventually(
            lambda: all_share(world.facts, first, second), "both share", seconds=JOINED_WITHIN_SECONDS
        )
        world.stack.kill(first, signal.SIGKILL)
        found = await running.look()
        print(
            f"\n{second} joined the groups: {[list(members.values()) for members in groups.values()]} partitions each"
        )
        print(f"kill {first} after {running.load.posted} posts, {found.between} between: {dict(found.histogram)}")
        assert running.load.posted < COUNT_MAX, "the load was over before the kill"
        assert found.between > 0
        running.load.finish(more=POSTED_LAST)

    await asyncio.to_thread(world.stack.hold, second)
    try:
        await survive(world, f"{second} joins, {first} dies", happening, count=COUNT_MAX, per_second=PER_SECOND)
    finally:
        await asyncio.to_thread(world.stack.release, second)
        await asyncio.to_thread(world.stack.wait_ready)
