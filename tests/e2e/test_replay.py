"""`vestnik replay` on a running stack: what was published gives a tenant's books once more."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

from rich.progress import Progress

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually
from tools.vestnik import replay


async def test_the_facts_of_a_running_stack_give_the_same_books(world: World, tenant: Tenant, tmp_path: Path) -> None:
    persons = [await tenant.new_person() for _ in range(3)]
    messages = [await tenant.send_template(person) for person in persons]
    for message in messages:
        await tenant.wait_state(message, "delivered", "read")

    async def settled() -> bool:
        return Decimal((await tenant.wallet())[1]) == 0

    await eventually(settled, "nothing held any more")
    place = replay.place_of(world.stack.directory)
    verdict = await asyncio.to_thread(replay.run, place, tmp_path, Progress(disable=True))
    ours, again = (
        [line for line in books.journal if json.loads(line)[0] == tenant.id] for books in (verdict.ours, verdict.again)
    )
    assert sorted(json.loads(line)[3] for line in ours) == ["capture"] * 3 + ["reserve"] * 3 + ["top_up"]
    assert ours == again
    assert not [finding.text for finding in verdict.findings if tenant.id in finding.text]
