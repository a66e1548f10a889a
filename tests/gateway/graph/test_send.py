"""What an accepted message looks like, to the tenant and on Kafka."""

import base64
import json
from datetime import timedelta
from uuid import UUID

from services.kernel import crypto
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.kafka.record import decode
from tests.gateway.stand import PERSON, Gateway, Tenant, Topic, template, text

SECRET_TEXT = "Ваш заказ №58 у подъезда"


async def accepted(topic: Topic, tenant: Tenant) -> list[MessageAccepted]:
    events = [decode(record.headers, record.value) for record in await topic.read()]
    found = [event for event in events if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id]
    return sorted(found, key=lambda event: event.message_id)  # lanes have partitions of their own


async def opened(gateway: Gateway, event: MessageAccepted) -> bytes:
    key_id = crypto.sealed_key_id(event.body)
    key = await gateway.app.state.keyring.opening_key(event.tenant_id, "messages", key_id)
    return crypto.open_sealed(key, crypto.Place(event.tenant_id, "messages", "body", str(event.message_id)), event.body)


async def test_an_accepted_text_is_answered_in_metas_shape_and_stands_on_kafka(
    gateway: Gateway, tenant: Tenant, messages: Topic
) -> None:
    answer = await gateway.send(tenant, text(SECRET_TEXT, to="7 (916) 123-45-67"))
    assert answer.status == 200
    message_id = answer.json()["messages"][0]["id"]
    assert answer.json() == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "7 (916) 123-45-67", "wa_id": "79161234567"}],
        "messages": [{"id": message_id}],
    }
    assert UUID(message_id).version == 7
    assert str(UUID(message_id)) == message_id

    [event] = await accepted(messages, tenant)
    index_key = await gateway.app.state.keyring.index_key(tenant.id)
    assert event.message_id == UUID(message_id)
    assert event.person == crypto.blind_index(index_key, "phone", PERSON)
    assert (event.kind, event.category, event.lane, event.country) == ("text", "service", "express", "RU")
    assert event.phone_number_id == tenant.phone_number_id
    assert event.expires_at - event.occurred_at == timedelta(hours=24)


async def test_the_sealed_body_is_the_checked_request(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    request = text(SECRET_TEXT, to="79161234567", biz_opaque_callback_data="order-58", unknown={"x": 1})
    request["text"]["preview_url"] = True
    assert (await gateway.send(tenant, request)).status == 200
    [event] = await accepted(messages, tenant)
    assert json.loads(await opened(gateway, event)) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PERSON,
        "type": "text",
        "text": {"body": SECRET_TEXT, "preview_url": True},
        "biz_opaque_callback_data": "order-58",
    }


async def test_a_template_brings_its_category_and_version(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    assert (await gateway.send(tenant, template("58"))).status == 200
    [event] = await accepted(messages, tenant)
    assert (event.kind, event.category, event.lane) == ("template", "utility", "bulk")
    assert event.template_id is not None
    assert event.template_version == 1
    assert json.loads(await opened(gateway, event))["template"] == template("58")["template"]


async def test_nothing_personal_stands_on_kafka_in_clear(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    assert (await gateway.send(tenant, text(SECRET_TEXT, biz_opaque_callback_data="order-58-ivanov"))).status == 200
    assert (await gateway.send(tenant, template(SECRET_TEXT))).status == 200
    raw = b"".join(
        bytes(record.key) + bytes(record.value) + repr(record.headers).encode()
        for record in await messages.read()
        if str(tenant.id).encode() in record.value
    )
    assert raw
    for secret in (SECRET_TEXT, "order-58-ivanov", PERSON, PERSON[1:], tenant.display_phone_number, tenant.api_key):
        for form in forms(secret):
            assert form not in raw


def forms(secret: str) -> list[bytes]:
    """The spellings in which a leak would appear."""
    plain = secret.encode()
    encoded = [base64.b64encode(b"." * shift + plain)[4:-4] for shift in range(3)]
    return [plain, plain.hex().encode(), json.dumps(secret)[1:-1].encode(), *encoded]


async def test_the_type_may_be_left_out_for_text(gateway: Gateway, tenant: Tenant) -> None:
    request = text()
    del request["type"]
    assert (await gateway.send(tenant, request)).status == 200


async def test_any_graph_version_opens_the_door(gateway: Gateway, tenant: Tenant) -> None:
    path = tenant.path.replace("v23.0", "v19.0")
    assert (await gateway.ask("POST", path, key=tenant.api_key, json=text())).status == 200
    assert (await gateway.ask("POST", path.replace("/v19.0/", "/v/"), key=tenant.api_key, json=text())).status == 404


async def test_every_message_has_an_id_of_its_own(gateway: Gateway, tenant: Tenant) -> None:
    first, second = await gateway.send(tenant, text()), await gateway.send(tenant, text())
    assert first.json()["messages"] != second.json()["messages"]


async def test_unknown_fields_are_tolerated_and_dropped(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    request = text("a", x=[1], max_price=None)
    request["text"]["y"] = None
    assert (await gateway.send(tenant, request)).status == 200
    [event] = await accepted(messages, tenant)
    assert json.loads(await opened(gateway, event)) == text("a") | {"recipient_type": "individual"}


async def test_the_longest_request_fits_onto_kafka(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    contact = {"name": {"formatted_name": "А" * 345, "first_name": "Анна"}}
    request = {"messaging_product": "whatsapp", "to": PERSON, "type": "contacts", "contacts": [contact] * 257}
    raw = json.dumps(request, ensure_ascii=False).encode()
    assert 185 * 1024 < len(raw) <= 192 * 1024
    answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, data=raw)
    assert answer.status == 200
    [event] = await accepted(messages, tenant)
    assert json.loads(await opened(gateway, event))["contacts"] == request["contacts"]
