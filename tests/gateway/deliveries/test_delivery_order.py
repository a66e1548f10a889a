"""One person's facts reach an endpoint in their order, whatever fails meanwhile, and hold up nobody else's."""

from collections import defaultdict
from random import Random
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

from services.gateway.callbacks.bundles import BUNDLE_MAX
from services.gateway.callbacks.service import CallbackFact, StoredFact
from services.gateway.deliveries.due import BundleRow, Due, portions
from services.kernel import clock
from services.kernel.identifiers import uuid7
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import TenantInTest, World

PEOPLE = ("anna", "boris", "vera", "gleb", "dina")


async def _facts(world: World, tenant: TenantInTest, *people: str) -> list[CallbackFact]:
    """A status of a message of its own for each of these people, in this order."""
    return [replace(world.status(tenant, await world.message(tenant), "sent"), person=person) for person in people]


def _ids(facts: list[CallbackFact]) -> list[str]:
    return [str(fact.event_id) for fact in facts]


def _taken(receiver: Receiver) -> list[str]:
    """Event ids in the order in which the receiver took them."""
    return [value["event_id"] for call in receiver.taken for value in call.values]


async def test_later_facts_of_a_person_wait_for_a_delivery_that_was_not_taken_and_others_do_not(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    first, second, other = await _facts(world, tenant, "anna", "anna", "boris")
    async with world.delivering(backoff_first_seconds=1.5):
        await world.enqueue(first)
        await world.until_rows("select 1 from callback_deliveries where last_status = 500", 1)
        await world.enqueue(second, other)
        await receiver.until(values=4)
        await world.until_rows("select 1 from callback_deliveries", 0)
    assert _taken(receiver) == _ids([other, first, second])


async def test_bodies_of_one_round_do_not_share_a_person(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *["anna", "boris", "vera"] * 6)
    receiver.hang_seconds = 0.05
    async with world.delivering(values_max=4):
        await world.enqueue(*facts)
        await receiver.until(values=18)
    for person in ("anna", "boris", "vera"):
        ids = _ids([fact for fact in facts if fact.person == person])
        assert [told for told in _taken(receiver) if told in ids] == ids


async def test_a_body_that_is_never_taken_holds_its_people_back_for_a_while_only(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    first, second = await _facts(world, tenant, "anna", "anna")
    async with world.delivering(backoff_first_seconds=60.0, order_seconds=0.5):
        await world.enqueue(first)
        await world.until_rows("select 1 from callback_deliveries where last_status = 500", 1)
        await world.enqueue(second)
        await receiver.until(values=2)
    assert _taken(receiver) == _ids([second])


async def test_many_deliveries_that_are_not_taken_keep_more_from_being_made(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([500] * 50)
    facts = await _facts(world, tenant, *PEOPLE)
    async with world.delivering(backoff_first_seconds=60.0, values_max=1, order_window=2, failures_free=100):
        await world.enqueue(*facts)
        await world.until_rows("select 1 from callback_deliveries where last_status = 500", 4)
        await world.enqueue(*await _facts(world, tenant, "egor", "zoya"))
        await world.until_rows("select 1 from callback_deliveries", 4)
        waiting = await world.rows("select 1 from callback_facts")
    assert len(waiting) == 3  # a round makes four bodies; the next one makes none


async def test_a_status_that_waits_for_its_message_holds_back_its_person_alone(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    early = replace(world.status(tenant, UUID(int=7), "sent"), person="anna")
    later, other = await _facts(world, tenant, "anna", "boris")
    async with world.delivering(defer_max_seconds=0.6):
        await world.enqueue(early, later, other)
        await receiver.until(values=3)
    assert _taken(receiver) == _ids([other, early, later])


async def test_a_crowd_of_statuses_that_wait_for_their_messages_hides_nobody_behind_it(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    await world.max_updates(tenant, 1)
    early = [replace(world.status(tenant, uuid7(), "sent"), person=str(number)) for number in range(2 * BUNDLE_MAX)]
    [other] = await _facts(world, tenant, "boris")
    async with world.delivering(defer_max_seconds=60.0):
        await world.enqueue(*early, other)
        await receiver.until(values=1)
    assert _taken(receiver) == _ids([other])


async def test_the_order_holds_with_two_workers_and_an_endpoint_that_fails_at_random(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    random = Random(7)
    receiver.answers.extend(random.choice([200, 200, 500]) for _ in range(200))
    facts = await _facts(world, tenant, *(random.choice(PEOPLE) for _ in range(80)))
    limits = {"values_max": 7, "failures_free": 100, "backoff_first_seconds": 0.05}
    async with world.delivering(**limits), world.delivering(**limits):
        for start in range(0, 80, 10):
            await world.enqueue(*facts[start : start + 10])
        await world.until_rows("select 1 from callback_facts union all select 1 from callback_deliveries", 0)
    told: dict[str, list[str]] = defaultdict(list)
    person_of = {str(fact.event_id): fact.person for fact in facts}
    for event_id in _taken(receiver):
        told[person_of[event_id]].append(event_id)
    assert told == {person: _ids([fact for fact in facts if fact.person == person]) for person in told}
    assert sum(map(len, told.values())) == 80


async def test_what_was_not_taken_during_an_outage_is_told_in_order_when_it_is_over(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([503] * 3)
    facts = await _facts(world, tenant, *PEOPLE, *PEOPLE)
    limits = {"backoff_first_seconds": 60.0, "slow_seconds": 60.0, "failures_free": 100, "values_max": 2}
    async with world.delivering(**limits):
        for start in (0, 2, 4):
            await world.enqueue(*facts[start : start + 1])
            await world.until_rows("select 1 from callback_deliveries where last_status = 503", start // 2 + 1)
        await world.rows("update callback_endpoints set failing_since = now() - interval '1 hour'")
        await world.enqueue(facts[1], facts[5])
        await receiver.until(values=3 + 5)
        await world.until_rows("select 1 from callback_deliveries", 0)
    taken = _taken(receiver)
    assert taken[0] == str(facts[1].event_id)  # nobody's earlier facts wait; it shows that the endpoint is back
    assert [one for one in taken if one in _ids([facts[0], facts[5]])] == _ids([facts[0], facts[5]])
    assert set(taken) == set(_ids([facts[n] for n in (0, 1, 2, 4, 5)]))


def _due(conversation: int) -> Due:
    nothing, now = UUID(int=0), clock.now()
    row = BundleRow(nothing, nothing, False, 0, now, None, True, b"", "", b"", None, 100, [])
    fact = StoredFact("", "", conversation, "status", "", "", 0, Raw(b"{}"))
    return Due(row, 0, fact, conversation)


def test_what_finds_no_room_in_its_persons_body_stays_and_so_does_all_that_follows_it() -> None:
    facts = [_due(person) for person in (1, 2, 1, 1, 3, 1, 4, 5, 6)]
    bodies = [[fact.conversation for fact in body] for body in portions(facts, size=3, places=2)]
    assert bodies == [[1, 2, 1], [3, 4, 5]]
    assert portions(facts, size=3, places=0) == []
