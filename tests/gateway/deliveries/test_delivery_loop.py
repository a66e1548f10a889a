"""Facts reach the tenant: signed, one a value, frozen at the first attempt, whatever dies or hangs meanwhile."""

import asyncio
import json
import time

import msgspec

from services.gateway.callbacks import service as callbacks
from services.gateway.deliveries import repository
from services.gateway.deliveries.repository import Failure
from services.kernel import crypto
from services.kernel.identifiers import uuid7
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.deliveries.receiver import Receiver, is_signed_as_meta, is_signed_as_standard_webhook
from tests.gateway.deliveries.world import LIMITS, PHONE, RULES, TEXT, World
from tests.gateway.stand import database_down

WAITING = "select id from callback_deliveries"


async def test_a_status_is_told_in_metas_shape_and_signed_both_ways(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    message_id = await world.message(tenant, opaque="order 17")
    fact = world.status(tenant, message_id, "delivered", pricing={"billable": True, "category": "utility"})
    async with world.delivering():
        await world.enqueue(fact)
        await receiver.until(calls=1)
        await world.until_rows(WAITING, 0)
    [call] = receiver.calls
    assert is_signed_as_meta(call, tenant.secret)
    assert is_signed_as_standard_webhook(call, tenant.secret)
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 60
    assert json.loads(call.body) == {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": tenant.waba_id,
                "changes": [
                    {
                        "field": "messages",
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": {
                                "display_phone_number": "74950000000",
                                "phone_number_id": tenant.phone_number_id,
                            },
                            "contacts": [{"wa_id": PHONE, "user_id": None}],
                            "statuses": [
                                {
                                    "id": str(message_id),
                                    "status": "delivered",
                                    "timestamp": str(int(fact.occurred_at.timestamp())),
                                    "recipient_id": PHONE,
                                    "pricing": {"billable": True, "category": "utility"},
                                    "biz_opaque_callback_data": "order 17",
                                }
                            ],
                            "event_id": str(fact.event_id),
                        },
                    }
                ],
            }
        ],
    }
    assert await world.called_back_at(tenant, message_id) is not None


async def test_facts_are_packed_250_to_a_delivery_each_in_its_own_value(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    event_ids = await world.told(tenant, 280)
    async with world.delivering(calm_per_second=0.001):
        await receiver.until(values=280)
    assert [len(call.values) for call in receiver.calls] == [250, 30]
    assert [value["event_id"] for value in receiver.values] == [str(event_id) for event_id in event_ids]
    assert all(len(value["statuses"]) == 1 for value in receiver.values)


async def test_a_failed_status_carries_metas_own_words_that_were_sealed_for_the_tenant(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    errors = [{"code": 131049, "title": "Not delivered", "error_data": {"details": f"to {PHONE}"}}]
    message_id = await world.message(tenant)
    open_error = {"code": 131049, "title": "Not delivered"}
    fact = world.status(tenant, message_id, "failed", error=open_error)
    place = crypto.Place(tenant.id, "statuses", "details", str(fact.event_id))
    said = {"status": {"recipient_user_id": "RU.1", "errors": errors}, "contact": {"wa_id": "1", "user_id": "RU.1"}}
    sealed = crypto.seal(await world.keyring.service_key(tenant.id, "webhook"), place, msgspec.json.encode(said))
    sealed_elsewhere = crypto.seal(
        await world.keyring.service_key(tenant.id, "webhook"), msgspec.structs.replace(place, row="other"), b"{}"
    )
    other = await world.message(tenant)
    async with world.delivering():
        await world.enqueue(world.status(tenant, message_id, "failed", error=open_error, sealed_details=sealed))
        await world.enqueue(world.status(tenant, other, "failed", error=open_error, sealed_details=sealed_elsewhere))
        await receiver.until(values=2)
    first, second = (value["statuses"][0]["errors"] for value in receiver.values)
    assert (first, second) == (errors, [open_error])
    assert receiver.values[0]["contacts"] == [said["contact"]]
    assert receiver.values[1]["contacts"] == [{"wa_id": PHONE.removeprefix("+"), "user_id": None}]


async def test_id_and_body_are_the_same_at_every_attempt_and_the_event_is_told_once(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([500, 302, 404])
    async with world.delivering(calm_burst=0):
        await world.told(tenant, 3)
        await receiver.until(calls=4)
        await world.until_rows(WAITING, 0)
    assert len({(call.id, call.body) for call in receiver.calls}) == 1
    assert all(is_signed_as_standard_webhook(call, tenant.secret) for call in receiver.calls)


async def test_after_a_restart_the_frozen_delivery_goes_out_with_its_old_id_and_new_facts_in_another(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(503)
    async with world.delivering(calm_burst=0, backoff_first_seconds=0.5):
        await world.told(tenant, 2)
        await receiver.until(calls=1)
        await world.until_rows("select 1 from callback_deliveries where last_status = 503", 1)
    await world.told(tenant, 1)
    async with world.delivering():
        await receiver.until(calls=3)
        await world.until_rows(WAITING, 0)
    old = [call for call in receiver.calls if call.id == receiver.calls[0].id]
    assert [call.body for call in old] == [receiver.calls[0].body] * 2
    assert len(receiver.values) == 2 + 2 + 1


async def test_a_worker_that_dies_between_post_and_result_leads_to_the_same_delivery_again(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.hang_seconds = 0.4
    await world.told(tenant, 5)
    dying = asyncio.create_task(world.deliveries(calm_burst=0, lease_seconds=1.0).run(asyncio.Event()))
    await receiver.until(calls=1)
    await _kill(dying)
    receiver.hang_seconds = 0.0
    async with world.delivering():
        await receiver.until(calls=2)
        await world.until_rows(WAITING, 0)
    first, second = receiver.calls
    assert (first.id, first.body) == (second.id, second.body)
    assert await world.rows("select 1 from callback_facts") == []


async def _kill(task: "asyncio.Task[None]") -> None:
    """End the loop and its posts without any of the cleaning up, as kill -9 does."""
    for other in asyncio.all_tasks():
        if other is task or other.get_name() in {"callback", "batcher callback_results"}:
            other.cancel()
    await asyncio.wait([task])


async def test_a_tenant_that_hangs_does_not_delay_another(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    slow, quick = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    receiver.hang_seconds = 10.0
    async with world.delivering(timeout_seconds=1.5, values_max=5, lease_seconds=5.0, endpoint_in_flight_max=4):
        await world.told(slow, 50, strangers=True)
        await receiver.until(calls=4)
        for _ in range(20):
            await world.told(quick, 1)
        await other_receiver.until(values=20)
        assert len(receiver.calls) == 4  # all its places are still taken by the first posts
        receiver.hang_seconds = 0.0
        receiver.answers.clear()


async def test_an_endpoint_that_is_gone_is_called_no_more_until_a_new_address_is_given(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(410)
    async with world.delivering():
        first = await world.told(tenant, 1)
        await world.until_rows("select 1 from callback_endpoints where disabled_at is not null", 1)
        second = await world.told(tenant, 1)
        await asyncio.sleep(0.3)
        assert len(receiver.calls) == 1
        async with world.database.transaction() as connection:
            assert (await callbacks.endpoint(connection, tenant.id)).disabled_at is not None
            await callbacks.set_url(connection, tenant.id, other_receiver.url, rules=RULES)
        await other_receiver.until(calls=2)
    assert other_receiver.calls[0].id == receiver.calls[0].id
    assert {value["event_id"] for value in other_receiver.values} == {str(one) for one in first + second}


async def test_facts_wait_for_the_first_url_and_old_ones_are_dropped(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant()
    old, young = await world.told(tenant, 1), await world.told(tenant, 1)
    await world.rows(
        """update callback_queue set made_at = now() - interval '8 days'
            where 100 * sequence = (select sequence from callback_facts where event_id = :id)""",
        id=old[0],
    )
    async with world.delivering():
        await world.until_rows("select 1 from callback_facts", 1)
        async with world.database.transaction() as connection:
            await callbacks.set_url(connection, tenant.id, receiver.url, rules=RULES)
        await receiver.until(calls=1)
    assert [value["event_id"] for value in receiver.values] == [str(young[0])]


async def test_an_attempt_that_lost_its_lease_does_not_say_when_the_next_is(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    plan = "select id, attempt, due_at from callback_deliveries where last_status is not null"
    async with world.delivering(backoff_first_seconds=60.0):
        await world.told(tenant, 1)
        [planned] = await world.until_rows(plan, 1)
    for attempt, is_moved in ((planned.attempt - 1, False), (planned.attempt + 1, False), (planned.attempt, True)):
        async with world.database.transaction() as connection:
            await repository.reschedule(
                connection, [Failure(planned.id, attempt, 503, 3_600.0)], give_up_seconds=LIMITS.give_up_seconds
            )
        [now] = await world.rows(plan)
        assert (now.due_at > planned.due_at) is is_moved, attempt


async def test_a_delivery_is_given_up_after_three_days(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([500] * 50)
    async with world.delivering(backoff_first_seconds=0.3):
        await world.told(tenant, 1)
        await receiver.until(calls=1)
        await world.rows("update callback_deliveries set created_at = now() - interval '4 days'")
        await world.until_rows("select 1 from callback_deliveries where dead_at is not null", 1)
        calls = len(receiver.calls)
        await asyncio.sleep(0.6)
    assert len(receiver.calls) == calls


async def test_a_fact_that_a_batch_names_twice_is_queued_once(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    fact = world.status(tenant, await world.message(tenant), "read")
    await world.enqueue(fact, fact)
    async with world.delivering():
        await receiver.until(calls=1)
        await world.until_rows(WAITING, 0)
    assert len(receiver.values) == 1


async def test_a_status_before_our_row_of_its_message_waits_for_it(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    message_id = uuid7()
    async with world.delivering():
        await world.enqueue(world.status(tenant, message_id, "sent"))
        await asyncio.sleep(0.3)
        assert receiver.calls == []
        await world.store_message(tenant, message_id)
        await receiver.until(calls=1)
    assert receiver.values[0]["statuses"][0]["recipient_id"] == PHONE


async def test_a_status_whose_message_never_comes_is_told_without_its_recipient(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    message_id = uuid7()
    async with world.delivering(defer_max_seconds=0.2):
        await world.enqueue(world.status(tenant, message_id, "sent"))
        await receiver.until(calls=1)
    [status] = receiver.values[0]["statuses"]
    assert status["id"] == str(message_id)
    assert "recipient_id" not in status


async def test_a_body_that_does_not_open_does_not_hold_up_the_others(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    broken, sound = uuid7(), await world.message(tenant)
    await world.store_message(tenant, broken, body=b"nonsense")
    async with world.delivering():
        await world.enqueue(world.status(tenant, broken, "sent"), world.status(tenant, sound, "sent"))
        await receiver.until(values=2)
    first, second = (value["statuses"][0] for value in receiver.values)
    assert "recipient_id" not in first
    assert second["recipient_id"] == PHONE


async def test_a_tenant_whose_secret_cannot_be_opened_does_not_hold_up_another(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    broken, sound = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    await world.rows("update callback_endpoints set secret = 'nonsense' where tenant_id = :id", id=broken.id)
    async with world.delivering():
        await world.told(broken, 1)
        await world.told(sound, 1)
        await other_receiver.until(calls=1)
    assert receiver.calls == []
    assert len(await world.rows("select 1 from callback_facts where tenant_id = :id", id=broken.id)) == 1


async def test_two_workers_share_the_work_and_tell_everything_once(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    async with world.delivering(values_max=7), world.delivering(values_max=7):
        event_ids = await world.told(tenant, 60)
        await receiver.until(values=60)
        await world.until_rows(WAITING, 0)
    assert sorted(value["event_id"] for value in receiver.values) == sorted(map(str, event_ids))


async def test_no_number_and_no_text_stands_in_any_table(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([500] * 9)
    async with world.delivering(backoff_first_seconds=60.0):
        await world.enqueue(world.status(tenant, await world.message(tenant, opaque=TEXT), "sent"))
        await world.until_rows("select 1 from callback_deliveries where last_status = 500", 1)
    stored = await world.stored("callback_deliveries", "callback_facts", "callback_endpoints", "messages")
    assert tenant.phone_number_id.encode() not in stored  # the fact is packed: only ids stand outside the body
    for secret in (PHONE, TEXT, tenant.secret):
        assert secret.encode() not in stored


async def test_an_outage_of_the_database_delays_callbacks_and_loses_none(
    world: World, receiver: Receiver, infrastructure: Infrastructure
) -> None:
    tenant = await world.tenant(receiver.url)
    event_ids = await world.told(tenant, 3)
    async with world.delivering(lease_seconds=1.0):
        await receiver.until(calls=1)
        async with database_down(infrastructure, world.database):
            await asyncio.sleep(0.5)
        event_ids += await world.told(tenant, 3)
        await receiver.until(values=6)
        await world.until_rows(WAITING, 0)
    assert {value["event_id"] for value in receiver.values} == {str(event_id) for event_id in event_ids}


async def test_a_number_of_another_tenant_is_not_described(world: World, receiver: Receiver) -> None:
    tenant, other = await world.tenant(receiver.url), await world.tenant()
    fact = world.status(tenant, await world.message(tenant), "sent")
    async with world.delivering():
        await world.enqueue(msgspec.structs.replace(fact, phone_number_id=other.phone_number_id))
        await receiver.until(calls=1)
    [entry] = json.loads(receiver.calls[0].body)["entry"]
    assert entry["id"] == "0"
    assert "display_phone_number" not in entry["changes"][0]["value"]["metadata"]
