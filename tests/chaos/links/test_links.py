"""On a real stack the services reach Kafka, PostgreSQL, Meta and tenants through the links, and nowhere past them."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies
import pytest

from deploy.local import processes
from deploy.local.postgres import SUPERUSER
from tests.chaos.links import read_only
from tests.chaos.links.faults import KINDS, drawn
from tests.chaos.links.links import META, NAMES, Links
from tests.e2e.conftest import World, surroundings
from tests.e2e.harness.stacks import new_stack
from tests.e2e.harness.tenants import Tenant

DIRECTORY = "var/test/links"


@dataclass
class Linked:
    """A stack behind links, and a tenant whose endpoint is behind one as well."""

    links: Links
    world: World
    tenant: Tenant


@pytest.fixture(scope="module")
def links() -> Iterator[Links]:
    stack = new_stack(DIRECTORY, copies={})
    with Links(stack) as links, stack:
        yield links


@pytest.fixture(scope="module")
async def linked(links: Links) -> AsyncIterator[Linked]:
    async with surroundings(links.stack) as world:
        tenant = await world.staff.open_tenant()
        answer = await tenant.call("PUT", "/v1/callback", {"url": links.to_tenant(tenant.callbacks.url)})
        assert answer.status in (200, 204), answer
        yield Linked(links, world, tenant)


async def test_a_message_goes_through_all_links(linked: Linked) -> None:
    message_id = await linked.tenant.send_template(await linked.tenant.new_person())
    await linked.tenant.wait_events(message_id)
    assert not [name for name in NAMES if not linked.links[name].carried_bytes]


async def test_no_service_goes_past_its_links(linked: Linked) -> None:
    stack = linked.world.stack
    ports = stack.facts.ports
    servers = {ports[name] for name in ports if name in ("kafka", "postgres") or _is_further_listener(name)}
    for process in stack.processes:
        if process["name"] in processes.SERVICES:
            talks = psutil.Process(process["pid"]).net_connections(kind="tcp")
            assert not servers & {one.raddr.port for one in talks if one.raddr}, process["name"]


def _is_further_listener(name: str) -> bool:
    return name.startswith("kafka-") and not name.endswith(("-proxy", "-controller"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_meets_a_fault_on_the_way_to_meta_settles(linked: Linked, kind: str) -> None:
    person = await linked.tenant.new_person()
    async with linked.links[META].fault(drawn(random.Random(kind), kind)):
        message_id = await linked.tenant.send_template(person)
        await asyncio.sleep(1.0)
    await linked.tenant.wait_state(message_id, "sent", "delivered", "read", "failed")
    sends = [row for row in await linked.world.sandbox.sends(message_id) if row["outcome"] != "refused"]
    assert len(sends) <= 1


async def test_postgres_refuses_writes_for_a_while_in_sessions_that_are_open_already(linked: Linked) -> None:
    postgres = linked.world.stack.infrastructure.postgres
    superuser = postgres.dsn(SUPERUSER, "postgres")
    session: asyncpg.Connection = await asyncpg.connect(postgres.dsn("billing_owner", "billing"))
    try:
        await session.execute("create table written (number int)")
        await read_only.start(superuser)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await _write_for_a_while(session)
        await read_only.stop(superuser)
        await asyncio.sleep(0.2)
        await session.execute("drop table written")
    finally:
        await read_only.stop(superuser)
        await session.close()


async def _write_for_a_while(session: asyncpg.Connection) -> None:
    """A session hears of the reload between two statements."""
    for _ in range(50):
        await session.execute("insert into written values (1)")
        await asyncio.sleep(0.02)
