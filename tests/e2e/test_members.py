"""Workers come and go in the middle of the traffic: groups share the work anew, and nobody notices."""

import asyncio
import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from tests.e2e.conftest import World
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
        groups = await eventually(lambda: _shared(world, first, second), "both share", seconds=JOINED_WITHIN_SECONDS)
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


async def _shared(world: World, first: str, second: str) -> dict[str, dict[str, int]]:
    """Every group of the service, once each of the two members has partitions in it."""
    groups = await _groups(world, first)
    for group, members in groups.items():
        assert members.keys() == {f"{first}.{group}", f"{second}.{group}"}
        assert all(members.values()), f"{group}: {members}"
    return groups


async def _groups(world: World, worker: str) -> dict[str, dict[str, int]]:
    """Group -> client -> how many partitions it has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.facts.bootstrap)
    await admin.start()
    try:
        service = worker.partition("-")[0]
        names = [name for name, _ in await admin.list_consumer_groups() if name.startswith(f"{service}.")]
        # One at a time: aiokafka reads the answer of a newer version by the rules of an older, which ends after one.
        answers = [answer for name in names for answer in await admin.describe_consumer_groups([name])]
    finally:
        await admin.close()
    return {
        group: {client: _count(assignment) for _, client, _, _, assignment in members}
        for answer in answers
        for _, group, _, _, _, members, *_ in answer.groups
    }


def _count(assignment: bytes) -> int:
    if not assignment:
        return 0
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return sum(len(partitions) for _, partitions in decoded.assignment)
