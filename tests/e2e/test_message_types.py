"""Everything that a tenant can send goes the whole way: out to Meta, back as statuses, free inside the window."""

from typing import Any

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant, template_body, text_body
from tests.e2e.harness.waiting import eventually

LINK = "https://example.com/a.jpg"
BUTTONS = {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Да"}}]}
ROWS = {"button": "Меню", "sections": [{"rows": [{"id": "1", "title": "Яблоки"}]}]}
CONTACT = {"name": {"formatted_name": "Анна Иванова", "first_name": "Анна"}}
CONTENTS: list[tuple[str, Any]] = [
    ("image", {"link": LINK, "caption": "Яблоки"}),
    ("video", {"link": LINK}),
    ("audio", {"link": LINK}),
    ("document", {"link": LINK, "filename": "счёт.pdf"}),
    ("sticker", {"link": LINK}),
    ("location", {"latitude": 55.75, "longitude": 37.61, "name": "Сад"}),
    ("contacts", [CONTACT]),
    ("interactive", {"type": "button", "body": {"text": "Ждёте?"}, "action": BUTTONS}),
    ("interactive", {"type": "list", "body": {"text": "Что взять?"}, "action": ROWS}),
]


def message(person: str, kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": person, "type": kind, kind: content, **more}


async def write(world: World, tenant: Tenant, person: str, words: str) -> str:
    """Our id of what the person writes, as the tenant is told."""
    await world.sandbox.write(person, words, tenant.phone_number_id)
    (told,) = await eventually(lambda: tenant.callbacks.messages(words))
    return str(told.value["messages"][0]["id"])


async def test_every_type_is_delivered_free_of_charge_inside_the_window(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    question = await write(world, tenant, person, "Что у вас есть?")
    ids = [(await tenant.post(message(person, kind, content))).message_id for kind, content in CONTENTS]
    quoting = text_body(person, "Отвечаю") | {"context": {"message_id": question}}
    ids.append((await tenant.post(quoting)).message_id)
    for message_id in ids:
        told = await tenant.wait_events(message_id)
        assert (told["state"], told["price"]) == ("read", {"amount": "0.00", "currency": "RUB"})
    assert await tenant.wallet() == ("1000.00", "0.00")


async def test_a_reaction_ends_with_sent_and_a_read_mark_is_no_message(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    question = await write(world, tenant, person, "Вы открыты?")
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": question}
    for more in ({}, {"typing_indicator": {"type": "text"}}):
        answer = await tenant.post(mark | more)
        assert (answer.status, answer.body) == (200, {"success": True})
    reaction = await tenant.post(message(person, "reaction", {"message_id": question, "emoji": "👍"}))
    await tenant.wait_state(reaction.message_id, "sent")
    assert [row["outcome"] for row in await world.sandbox.sends_to(person)] == ["accepted"]


async def test_outside_the_window_only_templates_go_out(tenant: Tenant) -> None:
    person = await tenant.new_person()
    sent = await tenant.post(message(person, "image", {"link": LINK}))
    told = await tenant.wait_state(sent.message_id, "failed")
    assert (told["error"]["code"], told["error"]["reason"]) == (131047, "window_closed")


async def test_a_batch_goes_out_but_for_what_is_dearer_than_wanted(world: World, tenant: Tenant) -> None:
    persons = [await tenant.new_person() for _ in range(3)]
    prices: tuple[dict[str, str], ...] = ({}, {"max_price": "5.99"}, {"max_price": "6.00"})
    items = [
        {"phone_number_id": tenant.phone_number_id, "message": template_body(person, "Анна") | price}
        for person, price in zip(persons, prices, strict=True)
    ]
    answer = await tenant.call("POST", "/v1/messages:batch", {"messages": items})
    first, dear, last = [result["response"]["messages"][0]["id"] for result in answer.body["results"]]
    for message_id in (first, last):
        await tenant.wait_events(message_id)
    told = await tenant.wait_state(dear, "failed")
    assert (told["error"]["code"], told["error"]["reason"]) == (131042, "price_above_max")
    assert await world.sandbox.sends(dear) == []
    assert await tenant.wallet() == ("988.00", "0.00")
