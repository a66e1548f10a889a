"""What people write, as it arrives on the topic `inbound`."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.phones import normalise_phone
from tests.webhook import meta
from tests.webhook.door import Door, Tenant, Topics

PHONE = "+79161234567"


async def received(topics: Topics, tenant: Tenant) -> list[InboundReceived]:
    return [fact for fact in await topics.facts_of(tenant) if isinstance(fact, InboundReceived)]


def opened(tenant: Tenant, fact: InboundReceived) -> dict[str, Any]:
    content = crypto.open_box(tenant.box[0], f"inbound:{fact.inbound_id}", fact.content)
    found: dict[str, Any] = json.loads(content)
    return found


async def post_messages(door: Door, tenant: Tenant, *messages: dict[str, Any], **more: Any) -> int:
    return await door.post(meta.webhook(meta.about(tenant.phone_number_id, messages=list(messages), **more)))


async def test_a_text_becomes_a_fact_that_only_the_tenant_can_open(door: Door, topics: Topics, tenant: Tenant) -> None:
    wamid = meta.new_wamid()
    body = meta.example("inbound_text", phone_number_id=tenant.phone_number_id, wamid=wamid)
    assert await door.post(body) == 200
    [fact] = await received(topics, tenant)
    assert fact.person == tenant.index("phone", PHONE)
    assert fact.kind == "text"
    assert fact.signals == ()
    assert fact.wamid_index == tenant.index("wamid", wamid)
    assert fact.phone_number_id == tenant.phone_number_id
    assert fact.occurred_at == datetime.fromtimestamp(1795360000, UTC)
    assert fact.id == event_id(fact.inbound_id, "received")
    value = meta.value_of(body)
    assert opened(tenant, fact) == {"message": value["messages"][0], "contact": value["contacts"][0]}


async def test_the_same_signed_webhook_twice_says_the_same_ids(door: Door, topics: Topics, tenant: Tenant) -> None:
    body = meta.example("inbound_text", phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    assert [await door.post(body), await door.post(body)] == [200, 200]
    first, second = await received(topics, tenant)
    assert (first.id, first.inbound_id, first.person) == (second.id, second.inbound_id, second.person)


@pytest.mark.parametrize(
    ("example", "kind", "signals"),
    [
        ("inbound_button", "button", ("stop",)),
        ("inbound_interactive", "interactive", ()),
        ("inbound_without_phone", "image", ()),
    ],
)
async def test_every_type_is_taken_in(
    door: Door, topics: Topics, tenant: Tenant, *, example: str, kind: str, signals: tuple[str, ...]
) -> None:
    body = meta.example(example, phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    assert await door.post(body) == 200
    [fact] = await received(topics, tenant)
    assert (fact.kind, fact.signals) == (kind, signals)
    assert opened(tenant, fact)["message"] == meta.value_of(body)["messages"][0]


async def test_a_type_that_is_no_name_is_unknown(door: Door, topics: Topics, tenant: Tenant) -> None:
    message = meta.text_message(meta.new_wamid(), "hello", type="Marfa, +7 916 123-45-67")
    assert await post_messages(door, tenant, message) == 200
    assert [fact.kind for fact in await received(topics, tenant)] == ["unknown"]


async def test_signals_travel_and_follow_the_tenants_own_words(
    door: Door, topics: Topics, tenant: Tenant, other_tenant: Tenant
) -> None:
    texts = ["СТОП!", "STOP PLEASE", "яблок не надо", "снова яблоки", "это спам"]
    for owner in (tenant, other_tenant):
        messages = [meta.text_message(meta.new_wamid(), text) for text in texts]
        assert await post_messages(door, owner, *messages) == 200
    own = [fact.signals for fact in await received(topics, tenant)]
    others = [fact.signals for fact in await received(topics, other_tenant)]
    assert own == [("stop",), (), ("stop",), ("start",), ("complaint",)]
    assert others == [("stop",), (), (), (), ("complaint",)]


@pytest.mark.parametrize(
    ("sender", "kind", "value"),
    [
        ({"from": "79161234567"}, "phone", PHONE),
        ({"from": "+7 916 123-45-67"}, "phone", PHONE),
        ({"from": "79161234567", "from_user_id": "RU.123"}, "phone", PHONE),
        ({"from": "5215512345678"}, "phone", normalise_phone("+5215512345678")),
        ({"from": "99912345"}, "phone", "+99912345"),
        ({"from": None, "from_user_id": "RU.AbC123"}, "bsuid", "RU.AbC123"),
        ({"from": "US.13491208655302741918"}, "bsuid", "US.13491208655302741918"),
    ],
)
async def test_the_person_is_the_phone_number_or_else_the_bsuid(
    door: Door, topics: Topics, tenant: Tenant, *, sender: dict[str, Any], kind: str, value: str
) -> None:
    assert await post_messages(door, tenant, meta.text_message(meta.new_wamid(), "hello", **sender)) == 200
    [fact] = await received(topics, tenant)
    assert fact.person == tenant.index(kind, value)


async def test_the_contact_supplies_the_sender_that_the_message_leaves_out(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    message = meta.text_message(meta.new_wamid(), "hello", **{"from": None, "from_user_id": "RU.123"})
    contacts = [{"wa_id": "79990000000", "user_id": "RU.999"}, {"wa_id": "79161234567", "user_id": "RU.123"}]
    assert await post_messages(door, tenant, message, contacts=contacts) == 200
    [fact] = await received(topics, tenant)
    assert fact.person == tenant.index("phone", PHONE)
    assert opened(tenant, fact)["contact"] == contacts[1]


async def test_somebody_elses_contact_is_never_taken_for_the_senders(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    message = meta.text_message(meta.new_wamid(), "hello", **{"from": None, "from_user_id": "RU.123"})
    contacts = [{"wa_id": "79990000000", "user_id": "RU.999"}]
    assert await post_messages(door, tenant, message, contacts=contacts) == 200
    [fact] = await received(topics, tenant)
    assert fact.person == tenant.index("bsuid", "RU.123")
    assert opened(tenant, fact)["contact"] is None


async def test_half_an_emoji_holds_nobody_up(door: Door, topics: Topics, tenant: Tenant) -> None:
    messages = [meta.text_message(meta.new_wamid(), text) for text in ("HALF", "whole 🍏")]
    body = meta.webhook(meta.about(tenant.phone_number_id, messages=messages)).replace(b"HALF", b"cut \\ud83c")
    assert await door.post(body) == 200
    texts = {opened(tenant, fact)["message"]["text"]["body"] for fact in await received(topics, tenant)}
    assert texts == {"cut ?", "whole 🍏"}


async def test_messages_of_one_person_keep_their_order(door: Door, topics: Topics, tenant: Tenant) -> None:
    wamids = [meta.new_wamid() for _ in range(200)]
    for start in range(0, 200, 50):
        messages = [meta.text_message(wamid, "hello") for wamid in wamids[start : start + 50]]
        assert await post_messages(door, tenant, *messages) == 200
    facts = await received(topics, tenant)
    assert [fact.wamid_index for fact in facts] == [tenant.index("wamid", wamid) for wamid in wamids]


def spellings(secret: str) -> set[bytes]:
    """How a secret could stand in a record: as it is, escaped, in hex, and in base64 at any of the three offsets."""
    raw = secret.encode()
    shifted = [base64.b64encode(b"\0" * offset + raw)[(offset * 8 + 5) // 6 :] for offset in range(3)]
    whole = {text.rstrip(b"=")[:-1] for text in shifted}
    return {raw, json.dumps(secret)[1:-1].encode(), raw.hex().encode(), *whole}


async def test_nothing_of_a_person_stands_in_clear_on_a_topic_or_in_the_log(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    wamid = f"wamid.{base64.b64encode(b'79161234567 and more').decode()}{meta.new_wamid()}"
    for name in ("inbound_text", "inbound_button", "inbound_without_phone", "status_sent", "status_failed"):
        assert await door.post(meta.example(name, phone_number_id=tenant.phone_number_id, wamid=wamid)) == 200
    secrets = ("79161234567", "Когда откроется лавка", "Марфа Плодовая", "RU.90210442100317", "RU.77aB0042100317",
               "a basket of pears", "Отписаться", wamid)  # fmt: skip
    records = [record for record in await topics.read() if str(tenant.id).encode() in record.value]
    assert len(records) == 5
    written = [record.value + record.key + b"".join(value for _, value in record.headers) for record in records]
    written.append(door.log.read_bytes())
    leaks = [secret for secret in secrets for text in written for form in spellings(secret) if form in text]
    assert leaks == []


def test_the_search_for_leaks_finds_a_planted_one() -> None:
    planted = [f"x{'Marfa'}y".encode(), base64.b64encode(b"a Marfa"), base64.b64encode(b"ab Marfa b"),
               base64.b64encode(b"abc Marfa"), b"Marfa".hex().encode()]  # fmt: skip
    assert all(any(form in text for form in spellings("Marfa")) for text in planted)


REFERRAL = {
    "source_url": "https://fb.me/1",
    "source_id": "120",
    "source_type": "ad",
    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQ",
}


async def test_who_comes_from_an_ad_is_signalled_and_the_ad_stays_sealed(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    from_ad = meta.text_message(meta.new_wamid(), "СТОП", referral=REFERRAL)
    odd_ones: tuple[Any, ...] = (None, [], "ad", 5)
    odd = [meta.text_message(meta.new_wamid(), "Привет", referral=referral) for referral in odd_ones]
    assert await post_messages(door, tenant, from_ad, *odd) == 200
    facts = await received(topics, tenant)
    assert [fact.signals for fact in facts] == [("stop", "ad_referral"), (), (), (), ()]
    assert opened(tenant, facts[0])["message"]["referral"] == REFERRAL
    [record] = [record for record in await topics.read() if str(facts[0].id).encode() in record.value]
    assert b"fb.me" not in record.value
    assert b"ctwa" not in record.value
