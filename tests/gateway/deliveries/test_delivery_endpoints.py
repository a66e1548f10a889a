"""Several endpoints of one tenant: each hears what it asked for, in its own time, under its own secrets."""

from msgspec.structs import replace

from services.gateway.callbacks import management
from services.gateway.callbacks.notices import send_test
from tests.gateway.deliveries.receiver import Receiver, is_signed_as_meta, is_signed_as_standard_webhook
from tests.gateway.deliveries.world import World


async def test_every_endpoint_hears_of_a_fact_once_and_signs_with_its_own_secret(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    other = await world.endpoint(tenant, other_receiver.url)
    async with world.delivering():
        event_ids = await world.told(tenant, 3)
        await receiver.until(values=3)
        await other_receiver.until(values=3)
        await world.until_rows("select 1 from callback_deliveries", 0)
    for one, secret in ((receiver, tenant.secret), (other_receiver, other.secret)):
        assert [value["event_id"] for value in one.values] == [str(event_id) for event_id in event_ids]
        assert all(
            is_signed_as_meta(call, secret) and is_signed_as_standard_webhook(call, secret) for call in one.calls
        )
    assert {call.id for call in receiver.calls}.isdisjoint(call.id for call in other_receiver.calls)


async def test_a_filter_lets_its_topics_and_all_below_them_pass(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    await world.endpoint(tenant, other_receiver.url, ["statuses.failed", "messages"])
    facts = [world.status(tenant, await world.message(tenant), status) for status in ("sent", "failed", "read")]
    async with world.delivering():
        await world.enqueue(*facts)
        await receiver.until(values=3)
        await other_receiver.until(values=1)
    assert [value["statuses"][0]["status"] for value in other_receiver.values] == ["failed"]


async def test_a_filter_by_the_first_word_takes_every_status(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant()
    await world.endpoint(tenant, receiver.url, ["statuses"])
    facts = [world.status(tenant, await world.message(tenant), status) for status in ("sent", "failed")]
    async with world.delivering():
        await world.enqueue(*facts, replace(facts[0], topic="account_update", event_id=facts[0].subject_id))
        await receiver.until(values=2)
    assert len(await world.rows("select 1 from callback_facts")) == 3  # they wait for the first endpoint's URL


async def test_an_endpoint_that_hangs_does_not_delay_the_tenants_other_one(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    await world.endpoint(tenant, other_receiver.url)
    receiver.hang_seconds = 10.0
    async with world.delivering(timeout_seconds=5.0, lease_seconds=8.0):
        for _ in range(20):
            await world.told(tenant, 1)
        await other_receiver.until(values=20)
        assert len(receiver.calls) <= 4
        assert receiver.values[0]["event_id"] == other_receiver.values[0]["event_id"]
        receiver.hang_seconds = 0.0


async def test_an_endpoint_that_is_gone_leaves_the_other_one_working(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    other = await world.endpoint(tenant, other_receiver.url)
    other_receiver.answers.append(410)
    async with world.delivering():
        await world.told(tenant, 1)
        await world.until_rows("select 1 from callback_endpoints where disabled_reason = 'gone'", 1)
        await world.told(tenant, 1)
        await receiver.until(values=3)
    notice = next(value for value in receiver.values if "statuses" not in value)
    assert (notice["endpoint_id"], notice["reason"]) == (str(other.row.id), "gone")
    assert len(other_receiver.calls) == 1


async def test_both_secrets_sign_while_one_is_being_rotated_and_metas_header_keeps_the_old_one(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    row = await world.first(tenant)
    async with world.database.transaction() as connection:
        new = await management.rotate(connection, world.keyring, tenant.id, row.id, overlap_hours=1)
    async with world.delivering():
        await world.told(tenant, 1)
        await receiver.until(calls=1)
        async with world.database.transaction() as connection:
            await management.confirm_secret(connection, tenant.id, row.id)
        await world.told(tenant, 1)
        await receiver.until(calls=2)
    during, after = receiver.calls
    assert is_signed_as_standard_webhook(during, tenant.secret)
    assert is_signed_as_standard_webhook(during, new.secret)
    assert is_signed_as_meta(during, tenant.secret)
    assert is_signed_as_standard_webhook(after, new.secret)
    assert is_signed_as_meta(after, new.secret)
    assert not is_signed_as_standard_webhook(after, tenant.secret)


async def test_an_overlap_ends_by_itself(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    row = await world.first(tenant)
    async with world.database.transaction() as connection:
        new = await management.rotate(connection, world.keyring, tenant.id, row.id, overlap_hours=1)
    await world.rows("update callback_endpoints set old_secret_until = now() - interval '1 second'")
    async with world.delivering():
        await world.told(tenant, 1)
        await receiver.until(calls=1)
    assert is_signed_as_meta(receiver.calls[0], new.secret)
    assert not is_signed_as_standard_webhook(receiver.calls[0], tenant.secret)


async def test_a_test_goes_to_the_endpoint_alone_whatever_its_filter(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    other = await world.endpoint(tenant, other_receiver.url, ["messages"])
    async with world.database.transaction() as connection:
        event_id = await send_test(connection, world.keyring, other.row)
    async with world.delivering():
        await other_receiver.until(values=1)
        await world.told(tenant, 1)
        await receiver.until(values=1)
    assert other_receiver.values[0]["event_id"] == str(event_id)
    assert "statuses" in receiver.values[0]


async def test_facts_of_an_endpoint_that_was_removed_are_dropped_with_it(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    other = await world.endpoint(tenant, other_receiver.url)
    await world.told(tenant, 2)
    async with world.database.transaction() as connection:
        await management.remove(connection, tenant.id, other.row.id)
    async with world.delivering():
        await receiver.until(values=2)
        await world.until_rows("select 1 from callback_facts", 0)
    assert other_receiver.calls == []
