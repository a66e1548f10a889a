"""Two copies of every process behind balancers: they share the work, and nothing in them assumes that it is alone."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.gateway.tenants.directory import FRESH_SECONDS
from tests.e2e.conftest import World, surroundings
from tests.e2e.harness.copies import COPIES, Balanced, two_of_everything
from tests.e2e.harness.groups import all_share
from tests.e2e.harness.stacks import DIRECTORY
from tests.e2e.harness.tenants import Tenant, new_person, template_body
from tests.e2e.harness.waiting import eventually
from tests.e2e.traffic.story import Traffic, survive

# What each copy counts when it has done a part of the work.
WORK = {
    "gateway-api": 'gateway_messages_accepted_total{kind="template"',
    "webhook-api": "webhook_facts_accepted_total{",
    "consent-api": 'consent_answers_total{answer="send"',
    "billing-api": 'http_requests_total{method="GET",route="/v1/billing/balance"',
    "gateway-worker": "gateway_dispatch_claimed_total ",
    "consent-worker": 'consent_decisions_total{outcome="cleared"',
    "billing-worker": "billing_reservations_total{",
}
COUNT_MAX, PER_SECOND = 1_500, 30.0
POSTED_FIRST, POSTED_LAST = 60, 120
JOINED_WITHIN_SECONDS = 60.0
RATE, MESSAGES, PEOPLE = 20, 120, 40
LATE_SECONDS = 0.5  # a call may reach Meta so much later after its token was taken than another
TOLD_LATE_SECONDS = 2.0  # of this test's own questions


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Balanced]:
    async with two_of_everything(f"{os.environ.get('VESTNIK_E2E_DIR', DIRECTORY)}-two") as running:
        yield running


@pytest.fixture(scope="module")
async def world(stack: Balanced) -> AsyncIterator[World]:
    async with surroundings(stack) as found:
        yield found


@pytest.fixture
def doors(stack: Balanced, tenant: Tenant) -> tuple[Tenant, Tenant]:
    """The same tenant at each of the two doors."""
    return at_doors(stack, tenant)


def at_doors(stack: Balanced, tenant: Tenant) -> tuple[Tenant, Tenant]:
    first, second = (replace(tenant, gateway=stack.copy_url(name)) for name in ("gateway-api", "gateway-api-2"))
    return first, second


# --- sharing, dying and joining under load ----------------------------------------------------------------------------


async def test_all_copies_work_and_nothing_is_lost_or_repeated_when_one_of_each_is_killed_and_one_joins(
    world: World, stack: Balanced
) -> None:
    async def happening(running: Traffic) -> None:
        await eventually(lambda: running.load.posted >= POSTED_FIRST)
        await eventually(lambda: _all_have_worked(world, stack, running.tenant), "every copy has done a part")
        told = running.tenant.callbacks.event_ids()
        assert len(told) == len(set(told)), "a fact was told twice while nobody died"

        third = await asyncio.to_thread(stack.add, "gateway-worker")
        shared = partial(all_share, world.facts, "gateway-worker", "gateway-worker-2", third)
        await eventually(shared, f"{third} shares", seconds=JOINED_WITHIN_SECONDS)
        for name in COPIES:
            stack.kill(f"{name}-2", signal.SIGKILL)
        found = await running.look()
        print(f"\n{len(COPIES)} killed after {running.load.posted} posts, {found.between} between")
        assert found.between > 0
        assert running.load.posted < COUNT_MAX, "the load was over before the kill"
        running.load.finish(more=POSTED_LAST)

    await survive(world, "two of everything", happening, count=COUNT_MAX, per_second=PER_SECOND)
    await asyncio.to_thread(stack.wait_ready)


async def _all_have_worked(world: World, stack: Balanced, tenant: Tenant) -> bool:
    await tenant.wallet()  # whom nobody asks does nothing
    for name, counter in WORK.items():
        for copy in (name, f"{name}-2"):
            assert await _counted(world, stack.copy_url(copy), counter) > 0, f"{copy} has done nothing yet"
    return True


async def _counted(world: World, url: str, counter: str) -> float:
    async with world.http.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(counter))


# --- order and limits -------------------------------------------------------------------------------------------------


async def test_messages_to_a_person_keep_their_order_through_two_doors_and_two_workers(
    world: World, doors: tuple[Tenant, Tenant]
) -> None:
    people = [await doors[0].new_person() for _ in range(4)]

    async def talk(person: str) -> list[str]:
        await world.sandbox.scenario(person, latency_ms=80)
        return [await doors[n % 2].send_template(person, f"Анна {n}") for n in range(8)]

    ids = dict(zip(people, await asyncio.gather(*map(talk, people)), strict=True))
    for person in people:
        for message_id in ids[person]:
            await doors[1].wait_events(message_id)
        assert (await world.sandbox.person(person))["max_concurrent"] == 1
        assert [row["biz_opaque_callback_data"] for row in await world.sandbox.sends_to(person)] == ids[person]
    assert await doors[0].wallet() == await doors[1].wallet() == ("808.00", "0.00")


async def test_a_number_sends_no_faster_through_two_doors_and_two_workers(
    world: World, stack: Balanced, make_tenant: Any
) -> None:
    doors = at_doors(stack, await make_tenant(messages_per_second=RATE))
    people = await asyncio.gather(*(doors[n % 2].new_person() for n in range(PEOPLE)))
    after = (await world.sandbox.sends() or [{"n": 0}])[-1]["n"]
    posts = (doors[n % 2].send_template(people[n % PEOPLE], f"Анна {n}") for n in range(MESSAGES))
    ids = set(await asyncio.gather(*posts))
    assert len(ids) == MESSAGES

    async def calls() -> Sequence[float]:
        rows = [row for row in await world.sandbox.sends(after=after) if row["biz_opaque_callback_data"] in ids]
        assert len(rows) == MESSAGES
        assert {row["outcome"] for row in rows} == {"accepted"}
        return sorted(datetime.fromisoformat(row["at"]).timestamp() for row in rows)

    at = await eventually(calls, "all are at Meta")
    _check_rate(at)


def _check_rate(at: Sequence[float]) -> None:
    """From any call to any later one no more than a full bucket and what came back meanwhile."""
    for first, began in enumerate(at):
        for last, ended in enumerate(at[first:], start=1):
            assert last <= RATE + RATE * (ended - began + LATE_SECONDS), f"{last} calls in {ended - began:.2f} s"
    needed = (MESSAGES - RATE) / RATE
    assert at[-1] - at[0] < 2 * needed, f"{MESSAGES} calls took {at[-1] - at[0]:.1f} s: the rate is not used"


# --- what one door was told, the other one knows ----------------------------------------------------------------------


async def test_twenty_parallel_posts_with_one_key_at_two_doors_are_one_message(
    world: World, doors: tuple[Tenant, Tenant]
) -> None:
    person, key = await doors[0].new_person(), str(uuid4())
    body = template_body(person, "Анна")
    answers = await asyncio.gather(*(doors[n % 2].post(body, idempotency_key=key) for n in range(20)))
    accepted = [answer for answer in answers if answer.status == 200]
    assert len({answer.message_id for answer in accepted}) == 1
    assert all(answer.status == 409 and "Retry-After" in answer.headers for answer in answers if answer.status != 200)
    sent = accepted[0].message_id
    for door in doors:
        await door.wait_events(sent)
        assert (await door.post(body, idempotency_key=key)).message_id == sent
        assert (await door.post(template_body(person, "Иван"), idempotency_key=key)).status == 422
        assert await door.wallet() == ("994.00", "0.00")
    rows = await world.sandbox.sends_to(person)
    assert [row["biz_opaque_callback_data"] for row in rows] == [sent]


async def test_what_a_person_said_at_one_door_counts_at_the_other_at_once(doors: tuple[Tenant, Tenant]) -> None:
    for here, there in (doors, doors[::-1]):
        person = new_person()
        assert await _goes_out(there, person) is False
        await here.consent(person)
        assert (await there.consents(person))["service"]["state"] == "given"
        assert await _goes_out(there, person) is True
        await here.withdraw(person)
        assert (await there.consents(person))["service"]["state"] == "withdrawn"
        assert await _goes_out(there, person) is False
        told = await there.wait_state(await there.send_template(person), "failed")
        assert told["error"]["reason"] == "withdrawn"


async def _goes_out(door: Tenant, person: str) -> bool:
    message = {"phone_number_id": door.phone_number_id, "message": template_body(person, "Анна")}
    answer = await door.call("POST", "/v1/messages:check", message)
    assert answer.status == 200, answer.body
    return bool(answer.body["allowed"])


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_key_that_was_ended_at_one_door_dies_at_both_in_time_and_a_new_one_works_at_once(
    world: World, stack: Balanced, doors: tuple[Tenant, Tenant], make_tenant: Any
) -> None:
    first, second = doors
    revoked, rotated = await _new_key(first), await _new_key(second)
    suspended = at_doors(stack, await make_tenant(callback=False))
    for body in (revoked, rotated):
        assert await _statuses(doors, body["key"]) == [200, 200]
    assert await _statuses(suspended, suspended[0].api_key) == [200, 200]

    assert (await first.call("DELETE", f"/v1/api-keys/{revoked['id']}")).status == 204
    new = await second.call("POST", f"/v1/api-keys/{rotated['id']}:rotate", {"overlap_hours": 0})
    assert await _statuses(doors, new.body["key"]) == [200, 200]
    await _suspend(world, suspended[0])
    ended_at = time.monotonic()

    async def over() -> bool:
        for body in (revoked, rotated):
            assert await _statuses(doors, body["key"]) == [401, 401]
        posts = [await door.post(template_body(new_person(), "Анна")) for door in suspended]
        assert [post.status for post in posts] == [403, 403]
        return True

    await eventually(over, "all three are over")
    assert time.monotonic() - ended_at < FRESH_SECONDS + TOLD_LATE_SECONDS


async def _new_key(door: Tenant) -> dict[str, Any]:
    answer = await door.call("POST", "/v1/api-keys", {"name": "касса"})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.body
    return found


async def _statuses(doors: Sequence[Tenant], api_key: str) -> list[int]:
    """What reading one's messages with this key is answered at each door."""
    return [(await replace(door, api_key=api_key).call("GET", "/v1/messages?limit=1")).status for door in doors]


async def _suspend(world: World, tenant: Tenant) -> None:
    """As an operator does until there is an act for it."""
    connection = await asyncpg.connect(world.stack.infrastructure.postgres.dsn("postgres", "gateway"))
    try:
        await connection.execute("update tenants set state = 'suspended' where id = $1", tenant.id)
    finally:
        await connection.close()
