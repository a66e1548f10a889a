"""Any process may die at any moment: nothing is lost, nothing goes out twice, nobody pays twice."""

import asyncio
import signal
import time

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.stacks import held
from tests.e2e.harness.waiting import eventually
from tests.e2e.traffic import books
from tests.e2e.traffic.story import Traffic, survive

COUNT, PER_SECOND = 500, 80.0
BETWEEN_MIN = 120  # 100 are asked for; some move on between the look and the kill
LIVE = ("accepted", "cleared", "funded", "sending", "unknown", "sent")
BACK_WITHIN_SECONDS = 60.0  # generous; the promise is 5 s, for Kafka 10 s
KILLED = ("gateway-api", "gateway-worker", "webhook-api", "consent-worker", "billing-worker", "kafka", "postgres")


@pytest.mark.parametrize("name", KILLED)
async def test_a_process_killed_in_the_middle_of_500_messages_loses_and_repeats_nothing(
    world: World, name: str
) -> None:
    async def happening(running: Traffic) -> None:
        await kill(world, running, name)

    await survive(world, f"kill {name}", happening, count=COUNT, per_second=PER_SECOND)


async def test_the_only_gateway_worker_killed_in_the_middle_loses_and_repeats_nothing(world: World) -> None:
    async def happening(running: Traffic) -> None:
        await kill(world, running, "gateway-worker", held_back="gateway-worker-2")

    async with held(world.stack, "gateway-worker-2"):
        await survive(world, "kill the only gateway-worker", happening, count=COUNT, per_second=PER_SECOND)


async def kill(world: World, running: Traffic, name: str, *, held_back: str = "") -> None:
    """Kill it while enough messages are under way; show where they are; wait until all is ready again."""
    child = world.stack.supervisor.children[name]
    restarts = child.restarts
    found = await running.wait_between(BETWEEN_MIN)
    in_table = await books.states(world, running.tenant)
    world.stack.kill(name, signal.SIGKILL)
    assert sum(in_table[state] for state in LIVE if state in in_table) >= 100
    killed_at = time.monotonic()
    print(f"\nkill {name} after {running.load.posted} posts, {found.between} between: {dict(found.histogram)}")
    print(f"  in the gateway's table: {in_table}")

    async def is_back() -> bool:
        unready = set(await asyncio.to_thread(world.stack.unready)) - {held_back}
        return child.restarts > restarts and not unready

    await eventually(is_back, f"{name} is back", seconds=BACK_WITHIN_SECONDS)
    print(f"  everything is ready again after {time.monotonic() - killed_at:.1f} s")
