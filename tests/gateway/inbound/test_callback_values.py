"""Callbacks speak of messages and files by our ids alone: Meta's hold phone numbers, and mean nothing to a tenant."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import event

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.deliveries import naming
from services.gateway.inbound.consumers import consumers
from services.gateway.media import service as media
from services.kernel import clock, crypto
from services.kernel.contracts import Event, event_id
from services.kernel.identifiers import uuid7
from services.kernel.kafka.consumer import Received
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import PHONE, RULES, TenantInTest, World, confirm_to_nobody

CONSUMERS = consumers(arrived=media.arrived, wake_fetcher=media.wake, confirm=confirm_to_nobody)
BSUID = "RU.13491208655302741918"


async def _handle(world: World, *events: Event) -> None:
    for one in events:
        consumer = next(c for c in CONSUMERS if isinstance(one, c.events))
        async with world.database.transaction() as connection:
            await consumer.handle(connection, [Received(one, 0, 0)])
        if consumer.after is not None:
            consumer.after()


async def _arrives(world: World, tenant: TenantInTest, wamid: str, **more: Any) -> UUID:
    received, judged = await world.inbound(tenant, wamid, **more)
    await _handle(world, received, judged)
    return received.inbound_id


async def _told(world: World, receiver: Receiver, count: int = 1) -> list[dict[str, Any]]:
    async with world.delivering():
        await receiver.until(values=count)
    return [value["messages"][0] for value in receiver.values]


async def _sent_as(world: World, tenant: TenantInTest, wamid: str) -> UUID:
    """An outgoing message of the tenant that Meta knows under this id."""
    message_id = await world.message(tenant)
    index = crypto.blind_index(await world.keyring.index_key(tenant.id), "wamid", wamid)
    await world.rows(
        "insert into message_wamids (tenant_id, wamid_index, id) values (:tenant_id, :index, :id)",
        tenant_id=tenant.id,
        index=index,
        id=message_id,
    )
    return message_id


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", {"context": {"from": "74950000000", "id": "wamid.theirs"}}),
        ("reaction", {"reaction": {"message_id": "wamid.theirs", "emoji": "👍"}}),
        ("revoke", {"revoke": {"original_message_id": "wamid.theirs"}}),
        (
            "edit",
            {"edit": {"original_message_id": "wamid.theirs", "message": {"type": "text", "text": {"body": "да"}}}},
        ),
        ("edit", {"edit": {"message": {"type": "text", "context": {"id": "wamid.theirs"}, "text": {"body": "да"}}}}),
        ("interactive", {"context": {"id": "wamid.theirs"}, "interactive": {"button_reply": {"id": "wamid.mine"}}}),
        ("order", {"context": {"id": "an id of another shape"}}),
    ],
)
async def test_what_names_a_message_names_it_by_our_id(
    world: World, receiver: Receiver, kind: str, content: dict[str, Any]
) -> None:
    tenant = await world.tenant(receiver.url)
    theirs = "an id of another shape" if "an id" in str(content) else "wamid.theirs"
    ours = await _sent_as(world, tenant, theirs)
    await _arrives(world, tenant, "wamid.1", **({"type": kind, "context": {}} | content))
    [message] = await _told(world, receiver)
    expected = json.loads(json.dumps(content).replace(theirs, str(ours)))
    assert {name: message[name] for name in expected} == expected


async def test_a_message_of_the_person_itself_is_named_by_its_inbound_id(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    first = await _arrives(world, tenant, "wamid.first", context={})
    await _arrives(world, tenant, "wamid.second", context={"from": PHONE, "id": "wamid.first"})
    messages = await _told(world, receiver, 2)
    assert messages[1]["context"] == {"from": PHONE, "id": str(first)}


async def test_an_unknown_message_is_left_out_and_the_rest_stays(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    context = {"from": "74950000000", "id": "wamid.unknown", "forwarded": True}
    reaction = {"message_id": "wamid.unknown", "emoji": "👍"}
    await _arrives(world, tenant, "wamid.1", type="reaction", context=context, reaction=reaction)
    [message] = await _told(world, receiver)
    assert message["context"] == {"from": "74950000000", "forwarded": True}
    assert message["reaction"] == {"emoji": "👍"}


async def test_a_message_of_another_tenant_is_unknown(world: World, receiver: Receiver) -> None:
    tenant, other = await world.tenant(receiver.url), await world.tenant()
    await _sent_as(world, other, "wamid.theirs")
    await _arrives(world, other, "wamid.also_theirs")
    for number, wamid in enumerate(("wamid.theirs", "wamid.also_theirs")):
        await _arrives(world, tenant, f"wamid.{number}", context={"id": wamid})
    assert [message["context"] for message in await _told(world, receiver, 2)] == [{}, {}]


@pytest.mark.parametrize("kind", media.MEDIA_KINDS)
async def test_a_file_has_our_id_and_our_url_and_all_else_that_meta_said(
    world: World, receiver: Receiver, kind: str
) -> None:
    tenant = await world.tenant(receiver.url)
    theirs = {"id": "1366", "mime_type": "image/jpeg", "sha256": "29ed", "caption": "Сад", "url": "https://lookaside"}
    inbound_id = await _arrives(world, tenant, "wamid.1", type=kind, context={}, **{kind: theirs})
    [message] = await _told(world, receiver)
    ours = event_id(inbound_id, "media")
    named = {"id": str(ours), "url": f"https://api.example.org/media/{ours}"}
    assert message[kind] == theirs | named
    [row] = await world.rows("select state from media where id = :id", id=ours)
    assert row.state == "pending"


async def test_the_file_of_an_edit_has_our_id_too(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    edit = {"original_message_id": "wamid.0", "message": {"type": "image", "image": {"id": "1366", "caption": "Сад"}}}
    inbound_id = await _arrives(world, tenant, "wamid.1", type="edit", context={}, edit=edit)
    [message] = await _told(world, receiver)
    ours = event_id(inbound_id, "media")
    image = {"id": str(ours), "url": f"https://api.example.org/media/{ours}", "caption": "Сад"}
    assert message["edit"] == {"message": {"type": "image", "image": image}}


async def test_what_is_no_file_of_metas_keeps_its_url(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    place = {"latitude": 55.7, "longitude": 37.6, "url": "https://example.org/sad"}
    await _arrives(world, tenant, "wamid.1", type="location", context={}, location=place)
    [message] = await _told(world, receiver)
    assert message["location"] == place


async def test_many_replies_are_named_with_one_query_of_a_kind_a_round(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant()
    ours = [await _sent_as(world, tenant, f"wamid.ours{number}") for number in range(20)]
    for number in range(20):
        await _arrives(world, tenant, f"wamid.{number}", context={"id": f"wamid.ours{number}"})
    async with world.database.transaction() as connection:
        await callbacks.set_url(connection, tenant.id, receiver.url, rules=RULES)
    with _statements(world) as statements:
        async with world.delivering(calm_burst=0):
            await receiver.until(values=20)
    assert [value["messages"][0]["context"]["id"] for value in receiver.values] == [str(id_) for id_ in ours]
    asked = [sql for sql in statements if "one.wamid_index = asked.wamid_index" in sql]
    assert len(asked) < 10


async def test_what_waits_for_room_is_opened_when_it_is_told_and_once_for_all_endpoints(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant()
    for number in range(6):
        await _arrives(world, tenant, f"wamid.{number}", context={})
    async with world.database.transaction() as connection:
        await callbacks.set_url(connection, tenant.id, receiver.url, rules=RULES)
    before = _openings()
    async with world.delivering():
        await receiver.until(values=6)  # of one person, so one after the other
    assert len(receiver.calls) == 6
    assert _openings() - before == 6
    await world.endpoint(tenant, other_receiver.url)
    await _arrives(world, tenant, "wamid.both", context={})
    async with world.delivering():
        await receiver.until(values=7)
        await other_receiver.until(values=1)
    assert _openings() - before == 7


async def test_a_status_names_its_recipient_as_it_was_written_to(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    for to, named, contact in (
        ({"to": "+79991234567"}, {"recipient_id": PHONE}, {"wa_id": PHONE, "user_id": None}),
        ({"recipient": BSUID}, {"recipient_user_id": BSUID}, {"user_id": BSUID}),
        ({"to": BSUID}, {"recipient_user_id": BSUID}, {"user_id": BSUID}),
        ({"to": "+79991234567", "recipient": BSUID}, {"recipient_id": PHONE, "recipient_user_id": BSUID}, None),
    ):
        message_id = await _message_to(world, tenant, to)
        receiver.calls.clear()
        async with world.delivering():
            await world.enqueue(world.status(tenant, message_id, "sent"))
            await receiver.until(values=1)
        [value] = receiver.values
        [status] = value["statuses"]
        recipients = {name: field for name, field in status.items() if name.startswith("recipient")}
        assert recipients == named
        assert value["contacts"] == [contact or {"wa_id": PHONE, "user_id": BSUID}]


async def test_a_status_has_metas_conversation_price_and_errors_and_the_tenants_own_value(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    message_id = await world.message(tenant, opaque="order 5")
    conversation = {"id": "c1", "origin": {"type": "utility"}}
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    fact = world.status(tenant, message_id, "failed", pricing=pricing)
    errors = [{"code": 131026, "title": "x", "error_data": {"details": "message wamid.HBgLNzk= did not arrive"}}]
    place = crypto.Place(tenant.id, "statuses", "details", str(fact.event_id))
    key = await world.keyring.service_key(tenant.id, "webhook")
    said = {"id": "wamid.HBgLNzk=", "biz_opaque_callback_data": str(message_id), "conversation": conversation}
    sealed = crypto.seal(key, place, msgspec.json.encode({"status": said | {"errors": errors}, "contact": None}))
    content = msgspec.json.decode(fact.content) | {"sealed_details": sealed}
    async with world.delivering():
        await world.enqueue(msgspec.structs.replace(fact, content=msgspec.json.encode(content)))
        await receiver.until(values=1)
    [status] = receiver.values[0]["statuses"]
    assert status["conversation"] == conversation
    assert status["pricing"] == pricing
    assert status["biz_opaque_callback_data"] == "order 5"
    assert status["errors"][0]["error_data"]["details"] == "message  did not arrive"
    assert status["id"] == str(message_id)


async def test_what_meta_says_of_an_account_is_passed_on_under_its_own_field(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    value = {"event": "APPROVED", "message_template_id": 7, "message_template_name": "order_ready"}
    facts = [
        await _platform_fact(world, tenant, "message_template_status_update", value, time=1_739_321_024),
        await _platform_fact(world, tenant, "account_review_update", {"decision": "APPROVED"}, time=None),
    ]
    async with world.delivering():
        await world.enqueue(*facts)
        await receiver.until(values=2)
    entries = [entry for call in receiver.calls for entry in json.loads(call.body)["entry"]]
    assert entries == [
        {
            "id": tenant.waba_id,
            "time": 1_739_321_024,
            "changes": [
                {"field": "message_template_status_update", "value": value | {"event_id": str(facts[0].event_id)}}
            ],
        },
        {
            "id": tenant.waba_id,
            "changes": [
                {
                    "field": "account_review_update",
                    "value": {"decision": "APPROVED", "event_id": str(facts[1].event_id)},
                }
            ],
        },
    ]


async def test_a_platform_value_that_does_not_open_is_dropped(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    fact = await _platform_fact(world, tenant, "account_update", {"event": "X"}, time=None)
    spoilt = msgspec.json.decode(fact.content) | {"sealed_value": "bm9uc2Vuc2U="}
    async with world.delivering():
        await world.enqueue(msgspec.structs.replace(fact, content=msgspec.json.encode(spoilt)))
        await world.told(tenant, 1)
        await receiver.until(values=1)
        await world.until_rows("select 1 from callback_facts", 0)
    assert "statuses" in receiver.values[0]


WAMIDS = st.text("ABCDEFGHabc123=", min_size=1, max_size=20).map("wamid.".__add__)
ID_NAMES = st.sampled_from(["id", "message_id", "original_message_id", "group_id", "wamid_id"])
KEYS = st.sampled_from(["context", "reaction", "edit", "message", "history", "threads", "x"]) | st.text(max_size=5)
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(ID_NAMES, WAMIDS, min_size=1, max_size=2)
    ),
    max_leaves=20,
)


@given(TREES)
def test_no_id_of_metas_is_left_anywhere_and_known_ones_are_replaced(tree: Any) -> None:
    message = {"type": "text", "tree": tree}
    assert "wamid." not in json.dumps(naming.renamed(message, {}))
    found = set(naming.named_ids(message))
    ours = {name: f"ours-{number}" for number, name in enumerate(sorted(found))}
    replaced = json.dumps(naming.renamed(message, ours))
    assert "wamid." not in replaced
    assert all(f'"{ours[name]}"' in replaced for name in found)


def test_what_the_person_wrote_or_the_tenant_chose_is_left_as_it_is() -> None:
    message = {
        "type": "interactive",
        "text": {"body": "wamid.HBgL is what I see", "id": "wamid.x"},
        "interactive": {"list_reply": {"id": "wamid.chosen", "title": "wamid.title"}},
        "image": {"caption": "wamid.HBgL"},
    }
    assert naming.renamed(message, {}) == message


async def _message_to(world: World, tenant: TenantInTest, to: dict[str, str]) -> UUID:
    message_id = uuid7()
    place = crypto.Place(tenant.id, "messages", "body", str(message_id))
    sealed = crypto.seal(await world.keyring.key(tenant.id, "messages"), place, msgspec.json.encode(to))
    await world.store_message(tenant, message_id, body=sealed)
    return message_id


async def _platform_fact(
    world: World, tenant: TenantInTest, field: str, value: dict[str, Any], *, time: int | None
) -> CallbackFact:
    fact_id = event_id(tenant.id, f"{field}:{clock.now()}")
    place = crypto.Place(tenant.id, "platform", "value", str(fact_id))
    sealed = crypto.seal(await world.keyring.service_key(tenant.id, "webhook"), place, msgspec.json.encode(value))
    content = {"field": field, "waba_id": tenant.waba_id, "sealed_value": sealed, "time": time}
    return CallbackFact(
        event_id=fact_id,
        tenant_id=tenant.id,
        person="",
        phone_number_id="",
        kind="platform",
        topic=field,
        subject_id=fact_id,
        occurred_at=clock.now(),
        content=msgspec.json.encode(content),
    )


def _openings() -> float:
    return REGISTRY.get_sample_value("callback_openings_total", {"purpose": "inbound", "outcome": "opened"}) or 0.0


@contextmanager
def _statements(world: World) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*call: Any) -> None:
        statements.append(call[2])

    engine = world.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_letters_beyond_ascii_are_escaped_like_metas_own(world: World, receiver: Receiver) -> None:
    """whatsapp-api-js escapes what it gets before it checks the signature, since Meta signs the escaped form."""
    tenant = await world.tenant(receiver.url)
    opaque = "заказ 5 👋 \u007f\u2028"
    message_id = await world.message(tenant, opaque=opaque)
    async with world.delivering():
        await world.enqueue(world.status(tenant, message_id, "sent"))
        await receiver.until(values=1)
    [call] = receiver.calls
    assert call.body.isascii()
    assert b"\\u0437\\u0430\\u043a\\u0430\\u0437 5 \\ud83d\\udc4b \\u007f\\u2028" in call.body
    assert receiver.values[0]["statuses"][0]["biz_opaque_callback_data"] == opaque
