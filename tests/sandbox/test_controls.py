"""Who may use the controls."""

import base64

import pytest

from tests.sandbox.stand import NUMBER, Receiver, Sandbox

PATHS = ("sends", "phones", "phones/79990000001", "magic", "webhooks", "scenarios", "numbers/1")


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"operator:{password}".encode()).decode()


async def test_with_a_control_token_every_control_needs_it(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, _ = own_stand
    await sandbox.start(CONTROL_TOKEN="s3cret")
    for path in PATHS:
        url = f"{sandbox.url}/_sandbox/{path}"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic %%"}, {"X-Control-Token": "é"}):
            async with sandbox.session.get(url, headers=headers) as answer:
                assert answer.status == 401, (path, headers)
                assert "Basic" in answer.headers["WWW-Authenticate"]
        for headers in (
            {"Authorization": "Bearer s3cret"},
            {"Authorization": basic("s3cret")},
            {"X-Control-Token": "s3cret"},
        ):
            async with sandbox.session.get(url, headers=headers) as answer:
                assert answer.status == 200, (path, headers)
    await sandbox.send_text(phone)
    async with sandbox.session.get(f"{sandbox.url}/readyz") as answer:
        assert answer.status == 200


async def test_the_controls_are_never_open_to_a_network(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, _ = own_stand
    with pytest.raises(AssertionError, match="ended while starting"):
        await sandbox.start(HTTP__HOST="0.0.0.0")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_sites_page_may_not_touch_the_controls(sandbox: Sandbox, phone: str, origin: str) -> None:
    url, body = f"{sandbox.url}/_sandbox/people/{phone}/messages", {"text": "hi", "phone_number_id": NUMBER}
    async with sandbox.session.post(url, json=body, headers={"Origin": origin}) as answer:
        assert answer.status == 403
    async with sandbox.session.post(url, json=body, headers={"Origin": sandbox.url}) as answer:
        assert answer.status == 200
