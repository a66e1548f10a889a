"""A person's STOP or START is answered once, in its language, with the tenant's words where it has its own."""

from typing import Any

import msgspec
import pytest

from services.gateway.confirmations.service import Confirmations
from services.gateway.inbound.consumers import consumers
from services.gateway.keywords import service as keywords
from services.gateway.keywords.service import Words
from services.gateway.media import service as media
from services.kernel import crypto
from services.kernel.contracts import Event
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.kafka.consumer import Received
from services.kernel.kafka.record import decode
from tests.gateway.deliveries.world import PHONE, TenantInTest, World

ACCEPTED = "message.accepted.v1"


async def _handle(world: World, *events: Event) -> None:
    confirm = Confirmations(world.keyring).write
    known = consumers(arrived=media.arrived, wake_fetcher=media.wake, confirm=confirm)
    for one in events:
        consumer = next(c for c in known if isinstance(one, c.events))
        async with world.database.transaction() as connection:
            await consumer.handle(connection, [Received(one, 0, 0)])


async def _written(world: World, tenant: TenantInTest) -> list[tuple[MessageAccepted, dict[str, Any]]]:
    """The confirmations in the outbox, each with its opened body."""
    found = []
    for row in await world.rows("select value from outbox where event_type = :type order by id", type=ACCEPTED):
        event = decode((("ce_type", ACCEPTED.encode()),), row.value)
        assert isinstance(event, MessageAccepted)
        if event.tenant_id == tenant.id:
            key = await world.keyring.key(tenant.id, "messages")
            place = crypto.Place(tenant.id, "messages", "body", str(event.message_id))
            found.append((event, msgspec.json.decode(crypto.open_sealed(key, place, event.body))))
    return found


@pytest.mark.parametrize("content_first", [True, False])
async def test_a_stop_is_answered_once_whichever_half_comes_last(world: World, *, content_first: bool) -> None:
    tenant = await world.tenant()
    received, judged = await world.inbound(tenant, "wamid.stop", "Стоп!")
    judged = msgspec.structs.replace(judged, confirm="stopped")
    halves = (received, judged) if content_first else (judged, received)
    await _handle(world, *halves, *halves)
    [(event, body)] = await _written(world, tenant)
    assert body["to"] == f"+{PHONE}"
    assert body["text"]["body"].startswith("Вы отписаны")
    assert (event.origin, event.kind, event.lane, event.country) == ("confirmation", "text", "express", "RU")
    assert (event.person, event.message_id.version) == (tenant.person, 7)


async def test_a_message_that_is_no_keyword_is_not_answered(world: World) -> None:
    tenant = await world.tenant()
    await _handle(world, *await world.inbound(tenant, "wamid.hello"))
    assert await _written(world, tenant) == []


async def test_english_is_answered_in_english(world: World) -> None:
    tenant = await world.tenant()
    received, judged = await world.inbound(tenant, "wamid.start", "START")
    await _handle(world, received, msgspec.structs.replace(judged, confirm="started"))
    [(event, body)] = await _written(world, tenant)
    assert body["text"]["body"].startswith("You are subscribed again")
    assert event.origin == "tenant"  # as free as any answer: a STOP that follows stops it


async def test_a_tenants_own_text_is_used(world: World) -> None:
    tenant = await world.tenant()
    async with world.database.transaction() as connection:
        words = Words([], [], "До свидания!", None)
        await keywords.replace(connection, world.keyring, tenant.id, words, box_public_keys={})
    received, judged = await world.inbound(tenant, "wamid.stop", "Стоп")
    await _handle(world, received, msgspec.structs.replace(judged, confirm="stopped"))
    [(_, body)] = await _written(world, tenant)
    assert body["text"]["body"] == "До свидания!"


async def test_somebody_without_a_number_is_answered_by_user_id(world: World) -> None:
    tenant = await world.tenant()
    received, judged = await world.inbound(tenant, "wamid.stop", "stop", **{"from": None, "from_user_id": "RU.123"})
    await _handle(world, received, msgspec.structs.replace(judged, confirm="stopped"))
    [(event, body)] = await _written(world, tenant)
    assert (body.get("to"), body["recipient"], event.country) == (None, "RU.123", "RU")


async def test_whoever_taps_a_russian_button_is_answered_in_russian(world: World) -> None:
    tenant = await world.tenant()
    tapped: Any = {"type": "button", "text": {}, "button": {"text": "Отписаться", "payload": "stop"}}
    received, judged = await world.inbound(tenant, "wamid.stop", **tapped)
    await _handle(world, received, msgspec.structs.replace(judged, confirm="stopped"))
    [(_, body)] = await _written(world, tenant)
    assert body["text"]["body"].startswith("Вы отписаны")


@pytest.mark.parametrize(("sender", "answers"), [({"from": "12"}, 1), ({"from": ""}, 0)])
async def test_a_word_from_what_is_no_number_is_told_to_the_tenant_all_the_same(
    world: World, sender: Any, answers: int
) -> None:
    tenant = await world.tenant()
    received, judged = await world.inbound(tenant, "wamid.stop", "stop", **sender)
    await _handle(world, received, msgspec.structs.replace(judged, confirm="stopped"))
    assert len(await _written(world, tenant)) == answers
    assert len(await world.rows("select 1 from inbound_messages where id = :id", id=received.inbound_id)) == 1
