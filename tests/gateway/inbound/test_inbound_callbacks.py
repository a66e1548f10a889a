"""A tenant hears of an inbound message once, when its content is stored and its window exists."""

import asyncio
from collections.abc import Sequence

import pytest

from services.gateway.callbacks.service import wake
from services.gateway.inbound.consumers import consumers
from services.gateway.media import service as media
from services.kernel.contracts import Event
from services.kernel.contracts.conversations import ConsentWithdrawn, InboundJudged
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.kafka.consumer import Received
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import PHONE, TEXT, World, confirm_to_nobody

CONSUMERS = consumers(arrived=media.arrived, wake_fetcher=media.wake, confirm=confirm_to_nobody)
WAMID = "wamid.HBgLNzk5OTEyMzQ1NjcVAgASGBQ="


async def _handle(world: World, *events: Event) -> Sequence[Event]:
    """One batch through its consumer, as the kernel runs it."""
    consumer = next(c for c in CONSUMERS if isinstance(events[0], c.events))
    batch = [Received(event, 0, offset) for offset, event in enumerate(events)]
    async with world.database.transaction() as connection:
        results = await consumer.handle(connection, batch)
    if consumer.after is not None:
        consumer.after()
    return results


async def test_received_then_judged_is_told_with_our_id_and_the_window(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    received, judged = await world.inbound(tenant, WAMID)
    async with world.delivering():
        assert await _handle(world, received) == []
        await asyncio.sleep(0.2)
        assert receiver.calls == []  # its window does not exist yet
        await _handle(world, judged)
        await receiver.until(calls=1)
    [value] = receiver.values
    assert value == {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "74950000000", "phone_number_id": tenant.phone_number_id},
        "contacts": [{"profile": {"name": "Анна"}, "wa_id": PHONE}],
        "messages": [
            {
                "from": PHONE,
                "id": str(received.inbound_id),
                "timestamp": str(int(received.occurred_at.timestamp())),
                "type": "text",
                "text": {"body": TEXT},
                "context": {"from": "74950000000"},
            }
        ],
        "window_expires_at": "2026-11-23T12:00:00Z",
        "event_id": str(received.id),
    }


async def test_judged_before_received_is_told_when_the_content_comes(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    received, judged = await world.inbound(tenant, WAMID)
    async with world.delivering():
        await _handle(world, judged)
        await asyncio.sleep(0.2)
        assert receiver.calls == []
        await _handle(world, received)
        await receiver.until(calls=1)
    assert receiver.values[0]["messages"][0]["text"] == {"body": TEXT}


async def test_repetitions_in_and_across_batches_are_told_once(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    first, first_judged = await world.inbound(tenant, "wamid.1")
    second, second_judged = await world.inbound(tenant, "wamid.2")
    async with world.delivering():
        await _handle(world, first, first, second)
        await _handle(world, second_judged, first_judged, second_judged)
        await receiver.until(values=2)
        await world.until_rows("select 1 from callback_deliveries", 0)
        await _handle(world, second, first)
        await _handle(world, first_judged, second_judged)
        await asyncio.sleep(0.2)
    assert sorted(value["event_id"] for value in receiver.values) == sorted([str(first.id), str(second.id)])


async def test_both_halves_at_the_same_time_are_told_once(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    pairs = [await world.inbound(tenant, f"wamid.{number}") for number in range(40)]
    received: list[InboundReceived] = [pair[0] for pair in pairs]
    judged: list[InboundJudged] = [pair[1] for pair in reversed(pairs)]
    await asyncio.gather(_handle(world, *received), _handle(world, *judged))
    facts = await world.rows("select event_id from callback_facts")
    assert sorted(row.event_id for row in facts) == sorted(event.id for event in received)


@pytest.mark.parametrize("completes", ["judged", "received"])
async def test_what_a_person_wrote_is_told_in_the_order_in_which_it_was_written(
    world: World, receiver: Receiver, completes: str
) -> None:
    tenant = await world.tenant(receiver.url)
    pairs = [await world.inbound(tenant, f"wamid.{number}") for number in range(20)]
    received, judged = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    first, last = (received, judged) if completes == "judged" else (judged, received)
    await _handle(world, *first)
    await _handle(world, *last)
    async with world.delivering():
        await receiver.until(values=20)
    told = [value["messages"][0]["id"] for value in receiver.values]
    assert told == [str(event.inbound_id) for event in received]


async def test_content_that_does_not_open_is_told_as_unsupported(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    received, judged = await world.inbound(tenant, WAMID)
    await _handle(world, received)
    await _handle(world, judged)
    await world.rows("update inbound_messages set content = 'nonsense'")
    async with world.delivering():
        wake()
        await receiver.until(calls=1)
    [message] = receiver.values[0]["messages"]
    assert (message["id"], message["type"]) == (str(received.inbound_id), "unsupported")
    assert message["errors"][0]["code"] == 131051


async def test_other_facts_of_conversations_are_not_ours(world: World) -> None:
    [conversations] = [c for c in CONSUMERS if c.group == "gateway.conversations"]
    assert ConsentWithdrawn not in conversations.events


async def test_no_number_name_or_text_stands_in_the_table(world: World) -> None:
    tenant = await world.tenant()
    received, judged = await world.inbound(tenant, WAMID)
    await _handle(world, received)
    await _handle(world, judged)
    stored = await world.stored("inbound_messages", "callback_facts")
    assert received.person.encode() in stored
    for secret in (PHONE, TEXT, "Анна", WAMID):
        assert secret.encode() not in stored
