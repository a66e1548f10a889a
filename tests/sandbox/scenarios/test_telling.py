"""What a scenario changes in how the webhook is told."""

import json
from typing import Any

from services.sandbox.webhooks.planning import in_order
from tests.sandbox.stand import Receiver, Sandbox, template_to, until


def of(receiver: Receiver, mark: str) -> list[dict[str, Any]]:
    statuses = [s for value in receiver.values() for s in value.get("statuses", [])]
    return [s for s in statuses if s.get("biz_opaque_callback_data") == mark]


async def test_statuses_come_in_the_order_that_was_asked_for(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, status_order="reversed", status_delay_ms=50)
    await sandbox.send_text(phone)

    await until(lambda: receiver.names(phone) == ["read", "delivered", "sent"])


def test_the_same_seed_shuffles_the_same_way() -> None:
    statuses = ("sent", "delivered", "read")
    assert in_order(statuses, "shuffled", "7/1") == in_order(statuses, "shuffled", "7/1")
    assert sorted(in_order(statuses, "shuffled", "7/1")) == sorted(statuses)
    assert len({in_order(statuses, "shuffled", f"7/{n}") for n in range(50)}) == 6


async def test_days_pass_in_seconds(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    day = 24 * 3600
    await sandbox.scenario(phone, status_delay_ms=day * 1000, compress=1_000_000)
    await sandbox.send_text(phone)

    statuses = await until(lambda: receiver.statuses(phone) if len(receiver.names(phone)) == 3 else [])
    times = [int(status["timestamp"]) for status in statuses]
    assert [round((later - times[0]) / day) for later in times] == [0, 1, 2]


async def test_a_post_that_was_taken_comes_again_with_the_same_bytes(
    own_stand: tuple[Sandbox, Receiver], phone: str
) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    await sandbox.scenario(phone, redeliver=[0.1, 0.3], statuses=["delivered"])
    await sandbox.send_text(phone)

    await until(lambda: len(receiver.bodies) == 3)
    assert len(set(receiver.bodies)) == 1
    counts = await sandbox.control("GET", "webhooks")
    assert (counts["pending"], counts["updates"], counts["repeated"]) == (0, 1, 2)


async def test_a_repeat_is_tried_until_it_is_taken(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    await sandbox.scenario(phone, redeliver=[0.2], statuses=["delivered"])
    await sandbox.send_text(phone)
    await until(lambda: receiver.bodies)
    receiver.status = 503
    await until(lambda: receiver.refused)
    receiver.status = 200

    await until(lambda: len(receiver.bodies) == 2)


async def test_a_forged_post_goes_ahead_and_is_counted(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, forged=True)
    await sandbox.send_text(phone)

    await until(lambda: len(receiver.names(phone)) == 3)
    forged = [s for body in receiver.forged for s in _statuses(body) if s.get("recipient_id") == phone]
    assert len(forged) == 3
    counts = await sandbox.control("GET", "webhooks")
    assert counts["forged"] >= 3
    assert counts["forged_taken"] == 0


def _statuses(body: bytes) -> list[dict[str, Any]]:
    changes = [change["value"] for entry in json.loads(body)["entry"] for change in entry["changes"]]
    return [status for value in changes for status in value.get("statuses", [])]


async def test_statuses_may_come_without_the_callers_mark(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, nameless=True)
    await sandbox.send_text(phone, mark="ours")

    await until(lambda: len(receiver.names(phone)) == 3)
    assert not any("biz_opaque_callback_data" in status for status in receiver.statuses(phone))
    assert of(receiver, "ours") == []


async def test_whoever_has_a_username_writes_without_a_phone_number(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    await sandbox.scenario(phone, bsuid_only=True)
    bsuid = (await sandbox.send_text(phone))["contacts"][0]["user_id"]
    wamid = await sandbox.writes(phone, text="who am I")

    def told() -> list[dict[str, Any]]:
        return [value for value in receiver.values() if [m["id"] for m in value.get("messages", [])] == [wamid]]

    [value] = await until(told)
    [message], [contact] = value["messages"], value["contacts"]
    assert message["from_user_id"] == contact["user_id"] == bsuid
    assert "from" not in message
    assert "wa_id" not in contact
    assert contact["profile"]["username"]


async def test_a_template_may_be_held(sandbox: Sandbox, phone: str) -> None:
    await sandbox.scenario(phone, message_status="held_for_quality_assessment")

    _, answer = await sandbox.post(template_to(phone, "Anna"))
    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"


async def test_what_people_write_is_duplicated_too(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, duplicate=2)
    wamid = await sandbox.writes(phone, text="twice")

    await until(lambda: [m["id"] for m in receiver.messages(phone)] == [wamid, wamid])


async def test_a_plan_outlives_the_process(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    receiver.status = 503
    await sandbox.scenario(phone, nameless=True, redeliver=[0.1], statuses=["delivered"])
    await sandbox.send_text(phone, mark="ours")
    await until(lambda: receiver.refused)
    await sandbox.stop()
    receiver.status = 200
    await sandbox.start()

    await until(lambda: len(receiver.bodies) == 2)
    assert of(receiver, "ours") == []
