"""What `make run` shows is what happened, and its receiver believes only our signature."""

import io
import json
import shlex

import aiohttp
import pytest
from rich.console import Console

from services.gateway.deliveries.signing import headers
from tools.vestnik.demo import commands
from tools.vestnik.narration import Narration, callback, ground, money
from tools.vestnik.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _body(text: str) -> bytes:
    value = {"messages": [{"text": {"body": text}}], "window_expires_at": "2026-01-02T00:00:00Z", "event_id": "e"}
    return json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 200), ("whsec_AAAA", 401)])
async def test_the_receiver_takes_only_what_we_signed(secret: str, status: int) -> None:
    receiver = Receiver(SECRET)
    url = await receiver.start()
    try:
        body = _body("Привет")
        signed = headers(secrets=[secret], delivery_id="d", timestamp=1, body=body)
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=signed) as answer:
            assert answer.status == status
        assert receiver.facts.qsize() == (1 if status == 200 else 0)
    finally:
        await receiver.stop()


def test_every_event_is_told_once_with_its_ground_and_price() -> None:
    page = io.StringIO()
    narration = Narration(Console(file=page, width=200))
    trace = [
        {"rule": "policy", "version": 3, "outcome": "allow", "facts": {"policy_rule_id": "allow-service"}},
        {"rule": "consent", "version": 1, "outcome": "allow", "facts": {"consent_id": "c-1", "since": "today"}},
    ]
    events = [
        {"type": "accepted", "at": "2026-01-01T10:00:00Z"},
        {"type": "cleared", "at": "2026-01-01T10:00:00.040Z"},
        {"type": "funded", "at": "2026-01-01T10:00:00.080Z"},
    ]
    message = {"events": events[:1], "trace": trace, "price": {"amount": "6.00", "currency": "RUB"}}
    assert narration.tell(message) == {"accepted"}
    assert narration.tell({**message, "events": events}) == {"accepted", "cleared", "funded"}
    lines = page.getvalue().splitlines()
    assert len(lines) == 3
    assert "40 ms" in lines[1]
    assert "policy allow-service (version 3), consent c-1 of today" in lines[1]
    assert "6.00 RUB" in lines[2]


def test_a_free_message_is_called_free() -> None:
    assert money({"amount": "0.00", "currency": "RUB"}) == "0.00 RUB (free)"
    assert money({"amount": "0.30", "currency": "RUB"}) == "0.30 RUB"


def test_a_refused_rule_is_no_ground() -> None:
    assert ground([{"rule": "consent", "version": 1, "outcome": "refuse", "facts": {}}]) == "no rule that was recorded"


def test_markup_in_a_persons_words_is_only_text() -> None:
    assert "\\[red]" in callback({"messages": [{"text": {"body": "[red]hello"}}]})


def test_the_commands_that_are_shown_send_the_demo_tenants_template_with_its_key() -> None:
    template = {"name": "order_ready", "language": "ru"}
    tenant = {"api_key": "vk_live_1", "phone_number_id": "100", "person": "+79990000001", "template": template}
    send, ask = (shlex.split(command) for command in commands("http://127.0.0.1:18080", tenant))
    assert send[2] == "http://127.0.0.1:18080/v23.0/100/messages"
    assert "Authorization: Bearer vk_live_1" in send
    body = json.loads(send[-1])
    assert (body["to"], body["template"]["name"]) == ("+79990000001", "order_ready")
    assert ask[2:] == ["http://127.0.0.1:18080/v1/messages/ID", "-H", "Authorization: Bearer vk_live_1"]
