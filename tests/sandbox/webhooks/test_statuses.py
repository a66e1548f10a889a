"""What the webhook is told after an acceptance."""

from typing import Any

from tests.sandbox.stand import Receiver, Sandbox, template_to, until

REGULAR_UTILITY = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
FREE = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}


def _complete(receiver: Receiver, phone: str, count: int = 3) -> list[dict[str, Any]]:
    statuses = receiver.statuses(phone)
    return statuses if len(statuses) >= count else []


async def test_sent_delivered_and_read_follow_in_order_and_carry_the_callers_mark(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    wamid = (await sandbox.send_text(phone, mark="ours"))["messages"][0]["id"]

    statuses = await until(lambda: _complete(receiver, phone))
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    for status in statuses:
        assert status["id"] == wamid
        assert status["biz_opaque_callback_data"] == "ours"
        assert status["timestamp"].isdecimal()
        assert status["recipient_user_id"].startswith("RU.")
        assert "conversation" not in status


async def test_a_slow_answer_to_the_first_status_keeps_the_later_ones_behind_it(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    receiver.delays.append(0.6)
    await sandbox.send_text(phone)
    assert await until(lambda: len(receiver.names(phone)) >= 3 and receiver.names(phone)) == [
        "sent",
        "delivered",
        "read",
    ]


async def test_each_value_carries_one_status_and_its_contact(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.send_text(phone)
    await until(lambda: _complete(receiver, phone))

    values = [v for v in receiver.values() if [s.get("recipient_id") for s in v.get("statuses", [])] == [phone]]
    assert len(values) == 3
    for value in values:
        [contact] = value["contacts"]
        assert contact == {"wa_id": phone, "user_id": value["statuses"][0]["recipient_user_id"]}
        assert value["messaging_product"] == "whatsapp"


async def test_every_post_is_signed_over_its_raw_bytes(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.send_text(phone, "Привет, 世界")
    await until(lambda: _complete(receiver, phone))

    assert not [body for body in receiver.forged if phone.encode() in body]


async def test_a_template_is_priced_on_sent_and_once_on_arrival(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    await sandbox.post(template_to(phone, "Anna"))

    statuses = await until(lambda: _complete(receiver, phone))
    assert [s.get("pricing") for s in statuses] == [REGULAR_UTILITY, REGULAR_UTILITY, None]


async def test_a_read_without_delivered_carries_the_price(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, statuses=["read", "sent"])
    await sandbox.post(template_to(phone, "Anna"))

    statuses = await until(lambda: _complete(receiver, phone, 2))
    assert [s["status"] for s in statuses] == ["read", "sent"]
    assert [s.get("pricing") for s in statuses] == [REGULAR_UTILITY, REGULAR_UTILITY]


async def test_a_text_is_free_inside_the_window_and_charged_as_service_outside(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    await sandbox.send_text(phone)
    await until(lambda: _complete(receiver, phone))
    await sandbox.control("POST", f"people/{phone}/messages", {"text": "hi"})
    await sandbox.send_text(phone)

    statuses = await until(lambda: _complete(receiver, phone, 6))
    assert statuses[0]["pricing"] == FREE | {"billable": True, "type": "regular"}
    assert statuses[3]["pricing"] == FREE


async def test_refused_webhooks_come_again_until_they_are_taken(
    own_stand: tuple[Sandbox, Receiver], phone: str
) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    receiver.status = 503
    await sandbox.send_text(phone)
    await until(lambda: len(receiver.refused) >= 5)
    assert (await sandbox.control("GET", "webhooks"))["pending"] == 3
    receiver.status = 200

    await until(lambda: set(receiver.names(phone)) == {"sent", "delivered", "read"})
    assert receiver.refused[0] in receiver.bodies, "a repeated POST has the same bytes"
    assert (await sandbox.control("GET", "webhooks"))["given_up"] == 0


async def test_many_updates_share_posts_under_load(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start(WEBHOOK__BATCH_MAX="20", WEBHOOK__LANES="2")
    for n in range(100):
        await sandbox.send_text(f"7922{n:07}")

    await until(lambda: len(receiver.values()) == 300)
    assert len(receiver.bodies) < 300
    assert (await sandbox.control("GET", "webhooks"))["updates"] == 300


async def test_the_handshake_succeeds_with_the_right_token(sandbox: Sandbox) -> None:
    assert await sandbox.control("POST", "webhooks/handshake") == {"verified": True}
