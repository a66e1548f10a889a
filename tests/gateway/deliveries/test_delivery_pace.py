"""With little traffic one fact a body, for clients that read only the first; under load many."""

from uuid import UUID

from msgspec.structs import replace

from services.gateway.callbacks.service import CallbackFact
from services.gateway.deliveries.schedule import Limits, Pace
from services.kernel.identifiers import uuid7
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import TenantInTest, World

PEOPLE = ("anna", "boris", "vera", "gleb", "dina")
NEVER = 60.0  # longer than any test waits
ONE, TWO = UUID(int=1), UUID(int=2)


async def _facts(world: World, tenant: TenantInTest, *people: str) -> list[CallbackFact]:
    """A fact for each of these people, in this order."""
    fact = world.status(tenant, await world.message(tenant), "sent")
    return [replace(fact, event_id=uuid7(), person=person) for person in people]


def _sizes(receiver: Receiver) -> list[int]:
    return [len(call.values) for call in receiver.calls]


def _assert_in_order(receiver: Receiver, facts: list[CallbackFact]) -> None:
    """Each fact was told once, and each person's in the order in which they were enqueued."""
    person_of = {str(fact.event_id): fact.person for fact in facts}
    told = [value["event_id"] for value in receiver.values]
    assert sorted(told) == sorted(person_of)
    for person in set(person_of.values()):
        ids = [str(fact.event_id) for fact in facts if fact.person == person]
        assert [one for one in told if person_of[one] == person] == ids


async def test_with_little_traffic_every_fact_comes_alone_and_each_persons_in_order(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *PEOPLE, *PEOPLE, "anna", "anna")
    receiver.hang_seconds = 0.03
    async with world.delivering():
        await world.enqueue(*facts)
        await receiver.until(values=len(facts))
    assert _sizes(receiver) == [1] * len(facts)
    _assert_in_order(receiver, facts)


async def test_what_found_no_room_follows_as_soon_as_a_post_ends(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *(str(number) for number in range(40)))
    async with world.delivering(idle_seconds=NEVER, gather_seconds=NEVER):
        await world.enqueue(*facts)
        await receiver.until(values=len(facts))
    assert _sizes(receiver) == [1] * len(facts)


async def test_it_follows_as_soon_although_others_have_much_to_be_told(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    calm, busy = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    few = await _facts(world, calm, *PEOPLE, *PEOPLE)
    many = await _facts(world, busy, *(str(number) for number in range(70)))
    receiver.hang_seconds = 0.1
    async with world.delivering(idle_seconds=NEVER, gather_seconds=NEVER):
        await world.enqueue(*few, *many)
        await receiver.until(values=len(few))
    assert _sizes(receiver) == [1] * len(few)
    assert _sizes(other_receiver) == [70]


async def test_facts_that_are_too_early_leave_their_places_to_the_next_ones(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    early = [replace(world.status(tenant, uuid7(), "sent"), person=str(number)) for number in range(9)]
    [ready] = await _facts(world, tenant, "anna")
    async with world.delivering(idle_seconds=NEVER, gather_seconds=NEVER, defer_max_seconds=NEVER):
        await world.enqueue(*early, ready)
        await receiver.until(values=1)
    assert receiver.values[0]["event_id"] == str(ready.event_id)


async def test_a_burst_of_more_than_the_bucket_holds_is_packed_to_the_brim(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *(str(number) for number in range(500)))
    await world.enqueue(*facts)
    async with world.delivering(calm_per_second=0.001):
        await receiver.until(values=500)
    assert _sizes(receiver) == [250] * 2


async def test_a_backlog_is_packed_and_not_told_one_by_one(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *(str(number % 700) for number in range(2_000)))
    await world.enqueue(*facts)
    async with world.delivering():
        await receiver.until(values=2_000)
    assert len(receiver.calls) < 40
    _assert_in_order(receiver, facts)


async def test_after_a_burst_the_traffic_is_calm_again(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    async with world.delivering(calm_per_second=1_000.0):
        await world.enqueue(*await _facts(world, tenant, *(str(number) for number in range(300))))
        await receiver.until(values=300)
        await world.until_rows("select 1 from callback_deliveries", 0)
        calls = len(receiver.calls)
        await world.enqueue(*await _facts(world, tenant, *PEOPLE))
        await receiver.until(values=305)
    assert max(_sizes(receiver)[:calls]) > 1
    assert _sizes(receiver)[calls:] == [1] * 5


async def test_an_endpoint_that_wants_one_update_a_post_gets_one_under_load_too(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant, other = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    await world.max_updates(tenant, 1)
    facts = await _facts(world, tenant, *(str(number % 20) for number in range(150)))
    others = await _facts(world, other, *(str(number) for number in range(150)))
    await world.enqueue(*facts, *others)
    async with world.delivering():
        await receiver.until(values=150)
    assert _sizes(receiver) == [1] * 150
    assert max(_sizes(other_receiver)) == 150
    _assert_in_order(receiver, facts)


async def test_bodies_hold_no_more_than_their_endpoint_wants(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    await world.max_updates(tenant, 30)
    await world.enqueue(*await _facts(world, tenant, *(str(number) for number in range(240))))
    async with world.delivering(calm_per_second=0.001):
        await receiver.until(values=240)
    assert _sizes(receiver) == [30] * 8


async def test_two_workers_tell_one_by_one_in_order_and_nothing_twice(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    await world.max_updates(tenant, 1)
    facts = await _facts(world, tenant, *(str(number % 9) for number in range(130)))
    receiver.hang_seconds = 0.01
    async with world.delivering(lease_seconds=20.0), world.delivering(lease_seconds=20.0):
        for start in range(0, 130, 26):
            await world.enqueue(*facts[start : start + 26])
        await receiver.until(values=130)
        await world.until_rows("select 1 from callback_facts union all select 1 from callback_deliveries", 0)
    assert _sizes(receiver) == [1] * 130
    _assert_in_order(receiver, facts)


async def test_two_workers_pack_what_is_more_than_their_buckets_hold(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *(str(number % 300) for number in range(1_000)))
    await world.enqueue(*facts)
    async with world.delivering(lease_seconds=20.0), world.delivering(lease_seconds=20.0):
        await receiver.until(values=1_000)
    assert max(_sizes(receiver)) == 250
    assert len(receiver.calls) < 60
    _assert_in_order(receiver, facts)


def test_an_endpoint_is_calm_while_its_own_bucket_covers_what_is_due() -> None:
    pace = Pace(Limits(calm_burst=5, calm_per_second=0.001))
    assert pace.is_calm(ONE, 5)
    assert not pace.is_calm(ONE, 6)
    pace.told(ONE, 3)
    assert pace.is_calm(ONE, 2)
    assert not pace.is_calm(ONE, 3)
    pace.told(ONE, 100)
    assert not pace.is_calm(ONE, 1)
    assert pace.is_calm(TWO, 5)
