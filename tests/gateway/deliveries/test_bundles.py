"""Facts of a batch are written once, whoever is to hear of them, and what is not told of them keeps its place."""

from uuid import UUID

from msgspec.structs import replace

from services.gateway.callbacks.bundles import BUNDLE_MAX
from services.gateway.callbacks.service import CallbackFact
from services.gateway.leftovers import service as leftovers
from services.gateway.told import service as told
from services.gateway.told.service import Replay
from services.kernel.identifiers import uuid7
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import PHONE, TenantInTest, World

WAITING = "select * from callback_queue order by endpoint_id, is_again, sequence"
DELIVERIES = "select 1 from callback_deliveries"
WEEK_SECONDS = 7 * 86_400.0


async def _facts(world: World, tenant: TenantInTest, *statuses: str) -> list[CallbackFact]:
    """A status of a message of its own, to a person of its own, for each."""
    return [
        replace(world.status(tenant, await world.message(tenant), status), person=str(number))
        for number, status in enumerate(statuses)
    ]


async def _replay(world: World, tenant: TenantInTest, message_id: UUID) -> Replay:
    endpoint = await world.first(tenant)
    async with world.database.transaction() as connection:
        return await told.replay_message(connection, endpoint.id, message_id)


def _ids(facts: list[CallbackFact]) -> list[str]:
    return [str(fact.event_id) for fact in facts]


def _told(receiver: Receiver) -> list[str]:
    return [value["event_id"] for value in receiver.values]


async def test_what_several_endpoints_hear_is_logged_once_and_each_waits_for_its_own_part(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    await world.endpoint(tenant, other_receiver.url, ["statuses.read", "messages"])
    await world.endpoint(tenant, other_receiver.url + "/nothing", ["messages"])
    facts = await _facts(world, tenant, "sent", "read", "delivered", "read")
    await world.enqueue(*facts)
    assert len(await world.rows("select 1 from callback_log")) == 1
    assert sorted((row.facts, row.places) for row in await world.rows(WAITING)) == [(2, [1, 3]), (4, None)]
    async with world.delivering():
        await receiver.until(values=4)
        await other_receiver.until(values=2)
    assert _told(other_receiver) == _ids([facts[1], facts[3]])


async def test_a_batch_that_nobody_wants_is_not_logged(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    await world.rows("update callback_endpoints set events = '{messages}' where tenant_id = :id", id=tenant.id)
    await world.enqueue(*await _facts(world, tenant, "sent"))
    assert await world.rows("select 1 from callback_log union all select 1 from callback_queue") == []


async def test_a_large_batch_is_several_bundles_and_is_told_in_its_order(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, *["sent"] * (BUNDLE_MAX + 5))
    await world.enqueue(*facts)
    assert [row.facts for row in await world.rows(WAITING)] == [BUNDLE_MAX, 5]
    async with world.delivering(calm_per_second=0.001, values_max=30):
        await receiver.until(values=len(facts))
    assert sorted(_told(receiver)) == sorted(_ids(facts))


async def test_what_a_person_must_wait_for_stays_and_is_passed_over_until_then(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    first, second, other = await _facts(world, tenant, "sent", "sent", "sent")
    second = replace(second, person=first.person)
    async with world.delivering(backoff_first_seconds=1.0):
        await world.enqueue(first)
        await world.until_rows("select 1 from callback_deliveries where last_status = 500", 1)
        await world.enqueue(other, second)
        await receiver.until(values=2)
        [row] = await world.until_rows("select * from callback_queue where conversations is not null", 1)
        assert (row.facts, row.places, len(row.conversations)) == (1, [1], 1)
        await receiver.until(values=4)
        await world.until_rows(WAITING, 0)
    assert _told(receiver)[1:] == _ids([other, first, second])


async def test_a_bundle_that_is_told_again_in_parts_waits_once(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    facts = await _facts(world, tenant, "sent", "sent", "sent")
    async with world.delivering():
        await world.enqueue(*facts)
        await receiver.until(values=3)
        await world.until_rows(DELIVERIES, 0)
    assert await _replay(world, tenant, facts[2].subject_id) == Replay(1, 0, None)
    assert await _replay(world, tenant, facts[0].subject_id) == Replay(1, 0, None)
    assert await _replay(world, tenant, facts[2].subject_id) == Replay(0, 1, None)
    [row] = await world.rows(WAITING)
    assert (row.is_again, row.facts, row.places) == (True, 2, [0, 2])
    async with world.delivering():
        await receiver.until(values=5)
        await world.until_rows(WAITING, 0)
    assert sorted(_told(receiver)[3:]) == sorted(_ids([facts[0], facts[2]]))


async def test_what_is_told_again_comes_after_what_waits_and_leaves_a_message_called_back(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    first, second = await _facts(world, tenant, "sent", "sent")
    second = replace(second, person=first.person)
    async with world.delivering():
        await world.enqueue(first)
        await receiver.until(values=1)
        await world.until_rows(DELIVERIES, 0)
    since = await world.called_back_at(tenant, first.subject_id)
    assert since is not None
    await _replay(world, tenant, first.subject_id)
    await world.enqueue(second)
    async with world.delivering():
        await receiver.until(values=3)
        await world.until_rows(DELIVERIES, 0)
    assert _told(receiver) == _ids([first, second, first])
    assert await world.called_back_at(tenant, first.subject_id) == since


async def test_a_replay_waits_longer_than_what_was_never_told_and_not_for_ever(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    [fact] = await _facts(world, tenant, "sent")
    async with world.delivering():
        await world.enqueue(fact)
        await receiver.until(values=1)
        await world.until_rows(DELIVERIES, 0)
    await _replay(world, tenant, fact.subject_id)
    for days, left in ((told.AGAIN_DAYS - 1, 1), (told.AGAIN_DAYS + 1, 0)):
        await world.rows("update callback_queue set made_at = now() - make_interval(days => :days)", days=days)
        pruned = await leftovers.prune(world.database, keep_seconds=WEEK_SECONDS, give_up_seconds=WEEK_SECONDS)
        assert (pruned.facts, len(await world.rows(WAITING))) == (1 - left, left)


async def test_a_report_that_names_anothers_message_shows_nobody_whom_it_went_to(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    """A tenant that sends past us may give Meta any id as its own data: also that of a message of another's."""
    curious, owner = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    message_id = await world.message(owner, opaque="the owner's own")
    theirs = replace(world.status(curious, message_id, "sent"), event_id=uuid7())
    async with world.delivering(defer_max_seconds=0.2):
        await world.enqueue(theirs, world.status(owner, message_id, "sent"))
        await receiver.until(values=1)
        await other_receiver.until(values=1)
    shown, own = (one.values[0]["statuses"][0] for one in (receiver, other_receiver))
    assert (shown.keys() & {"recipient_id", "biz_opaque_callback_data"}, own["recipient_id"]) == (set(), PHONE)
