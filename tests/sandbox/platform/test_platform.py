"""What Meta announces about accounts, numbers, templates and preferences."""

import signal
from typing import Any

import pytest

from tests.sandbox.stand import Receiver, Sandbox, template_to, until

NUMBER, ACCOUNT = "6660001", "6669000"
READY_MADE = {
    "number_quality": ("phone_number_quality_update", "FLAGGED"),
    "number_throughput": ("phone_number_quality_update", "THROUGHPUT_UPGRADE"),
    "account_restricted": ("account_update", "ACCOUNT_RESTRICTION"),
    "account_violation": ("account_update", "ACCOUNT_VIOLATION"),
    "account_banned": ("account_update", "DISABLED_UPDATE"),
    "account_reinstated": ("account_update", "DISABLED_UPDATE"),
    "account_reviewed": ("account_review_update", None),
    "account_alert": ("account_alerts", None),
    "capability": ("business_capability_update", None),
    "number_name": ("phone_number_name_update", None),
    "security_pin": ("security", "PIN_CHANGED"),
}


async def announce(sandbox: Sandbox, receiver: Receiver, **event: Any) -> dict[str, Any]:
    """The change as the webhook got it."""
    told = await sandbox.control("POST", "platform", event)

    def found() -> list[dict[str, Any]]:
        return [one for one in receiver.changes(told["field"]) if one["value"] == told["value"]]

    change: dict[str, Any] = (await until(found))[0]
    return change


@pytest.fixture(autouse=True)
async def _known(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", f"numbers/{NUMBER}", {"waba_id": ACCOUNT, "display_phone_number": "+7 495 1"})


@pytest.mark.parametrize(("event", "expected"), READY_MADE.items())
async def test_ready_made_events_have_metas_field(
    sandbox: Sandbox, receiver: Receiver, event: str, expected: tuple[str, str | None]
) -> None:
    change = await announce(sandbox, receiver, event=event, phone_number_id=NUMBER)

    assert (change["field"], change["value"].get("event")) == expected
    assert change["waba_id"] == ACCOUNT
    assert isinstance(change["time"], int)


async def test_a_template_event_changes_the_template_too(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    known = {"category": "utility", "language": "ru", "body_parameters": 1, "waba_id": ACCOUNT}
    await sandbox.control("PUT", "templates/eventful", known)
    about = {"waba_id": ACCOUNT, "template": "eventful"}

    change = await announce(sandbox, receiver, event="template_paused", **about)
    assert (change["value"]["event"], change["value"]["other_info"]["title"]) == ("PAUSED", "FIRST_PAUSE")
    _, answer = await sandbox.post(template_to(phone, "a", name="eventful"), number=NUMBER)
    assert answer["error"]["code"] == 132015
    await announce(sandbox, receiver, event="template_approved", **about)
    assert (await sandbox.post(template_to(phone, "a", name="eventful"), number=NUMBER))[0] == 200
    change = await announce(sandbox, receiver, event="template_quality", score="RED", **about)
    assert change["value"]["new_quality_score"] == "RED"
    change = await announce(sandbox, receiver, event="template_category", **about)
    assert change["value"]["new_category"] == "MARKETING"


async def test_a_person_stops_marketing(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    change = await announce(sandbox, receiver, event="preference_stop", phone=f"+{phone}", phone_number_id=NUMBER)

    [wish] = change["value"]["user_preferences"]
    assert (wish["wa_id"], wish["category"], wish["value"]) == (phone, "marketing_messages", "stop")
    assert change["value"]["metadata"]["phone_number_id"] == NUMBER
    await sandbox.control("PUT", "templates/stoppable", {"category": "marketing"})
    status, answer = await sandbox.post(template_to(phone, name="stoppable"), number=NUMBER)
    assert (status, answer["error"]["code"]) == (400, 131050)
    assert (await sandbox.post(template_to(phone, name="transactional"), number=NUMBER))[0] == 200

    await announce(sandbox, receiver, event="preference_resume", phone=f"+{phone}", phone_number_id=NUMBER)
    assert (await sandbox.post(template_to(phone, name="stoppable"), number=NUMBER))[0] == 200


async def test_any_field_and_value_are_told_as_they_are(sandbox: Sandbox, receiver: Receiver) -> None:
    value = {"event": "PARTNER_REMOVED", "waba_info": {"waba_id": ACCOUNT}, "new": [1, None, "я"]}
    change = await announce(sandbox, receiver, field="account_update", value=value, waba_id="1")

    assert (change["waba_id"], change["value"]) == ("1", value)


async def test_an_announcement_outlives_the_process(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    receiver.status = 503
    await sandbox.control("POST", "platform", {"event": "account_banned", "waba_id": "1"})
    await until(lambda: receiver.refused)
    await sandbox.end(signal.SIGKILL)
    receiver.status = 200
    await sandbox.start()

    await until(lambda: receiver.changes("account_update"))
    await sandbox.all_told()
    assert await sandbox.end(signal.SIGTERM) == 0
    await sandbox.start()
    await sandbox.all_told()
    assert len(receiver.changes("account_update")) == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 422),
        ({"event": "account_banned"}, 422),
        ({"event": "party", "waba_id": "1"}, 422),
        ({"field": "security", "waba_id": "1"}, 422),
        ({"event": "template_paused", "waba_id": "1"}, 422),
        ({"event": "preference_stop", "waba_id": "1"}, 422),
        ({"event": "template_paused", "waba_id": "1", "template": "nobody_knows"}, 404),
    ],
)
async def test_an_event_about_nothing_is_refused(sandbox: Sandbox, wrong: object, status: int) -> None:
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/platform", json=wrong) as answer:
        assert answer.status == status
