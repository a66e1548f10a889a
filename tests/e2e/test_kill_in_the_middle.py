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

COUNT, PER_SECOND = 500, 200.0
BETWEEN_MIN = 100
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

    async def under_way() -> dict[str, int] | None:
        states = await books.states(world, running.tenant)
        return states if sum(states.get(state, 0) for state in LIVE) >= BETWEEN_MIN else None

    in_table = await eventually(under_way, f"{BETWEEN_MIN} messages between states")
    world.stack.kill(name, signal.SIGKILL)
    killed_at = time.monotonic()
    print(f"\nkill {name} after {running.load.posted} posts; in the gateway's table: {in_table}")

    async def is_back() -> bool:
        unready = set(await asyncio.to_thread(world.stack.unready)) - {held_back}
        return child.restarts > restarts and not unready

    await eventually(is_back, f"{name} is back", seconds=BACK_WITHIN_SECONDS)
    print(f"  everything is ready again after {time.monotonic() - killed_at:.1f} s")
