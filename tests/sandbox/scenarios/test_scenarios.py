"""Each thing that can be made to happen to a send."""

import asyncio
import contextlib

import aiohttp
import pytest

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, text_to, until


async def _outcome(sandbox: Sandbox, phone: str) -> tuple[str, int | None, bool]:
    [send] = await sandbox.sends(phone)
    return send["outcome"], send["code"], send["wamid"] is not None


async def _raw_answer(sandbox: Sandbox, phone: str) -> bytes:
    """Every byte the sandbox answers; raises ConnectionResetError at a TCP reset."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = str(text_to(phone)).replace("'", '"').encode()
    head = f"POST /v23.0/{NUMBER}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(("code", "status"), [(131056, 400), (190, 401), (131000, 500), (2, 503), (4242, 400)])
async def test_refuse_code_answers_metas_envelope(
    sandbox: Sandbox, receiver: Receiver, phone: str, code: int, status: int
) -> None:
    await sandbox.scenario(phone, refuse_code=code, times=1)

    answered, answer = await sandbox.post(text_to(phone))
    assert (answered, answer["error"]["code"]) == (status, code)
    assert await _outcome(sandbox, phone) == ("refused", code, False)

    assert (await sandbox.post(text_to(phone)))[0] == 200, "the scenario held for one send"
    await until(lambda: len(receiver.names(phone)) == 3)


async def test_fail_code_accepts_and_reports_failed(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, fail_code=131026)
    await sandbox.send_text(phone, mark="m")

    [status] = await until(lambda: receiver.statuses(phone))
    assert status["status"] == "failed"
    assert status["biz_opaque_callback_data"] == "m"
    [error] = status["errors"]
    assert error["code"] == 131026
    assert error["title"] == "Message undeliverable"
    assert error["error_data"]["details"]
    assert "pricing" not in status
    assert "recipient_user_id" not in status


async def test_fail_code_may_follow_other_statuses(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, fail_code=131053, statuses=["sent"])
    await sandbox.send_text(phone)

    await until(lambda: receiver.names(phone) == ["sent", "failed"])


async def test_drop_after_resets_without_a_byte_and_the_message_goes_out(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    await sandbox.scenario(phone, drop="after")

    with pytest.raises(ConnectionResetError):
        await _raw_answer(sandbox, phone)
    assert await _outcome(sandbox, phone) == ("dropped", None, True)
    await until(lambda: receiver.names(phone) == ["sent", "delivered", "read"])


async def test_drop_before_resets_and_nothing_goes_out(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, drop="before", times=1)

    with pytest.raises(ConnectionResetError):
        await _raw_answer(sandbox, phone)
    assert await _outcome(sandbox, phone) == ("refused", None, False)
    assert (await sandbox.control("GET", f"people/{phone}"))["inbox"] == []


@pytest.mark.parametrize(("accepted", "outcome"), [(False, "refused"), (True, "dropped")])
async def test_html_502_is_no_graph_json(sandbox: Sandbox, phone: str, accepted: bool, outcome: str) -> None:
    await sandbox.scenario(phone, html_502=True, html_502_accepted=accepted)

    answer = await _raw_answer_closing(sandbox, phone)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"text/html" in answer
    assert (await _outcome(sandbox, phone)) == (outcome, None, accepted)


async def _raw_answer_closing(sandbox: Sandbox, phone: str) -> bytes:
    url, headers = f"{sandbox.url}/v23.0/{NUMBER}/messages", {"Authorization": "Bearer k"}
    async with sandbox.session.post(url, json=text_to(phone), headers=headers) as answer:
        head = f"HTTP/1.1 {answer.status} \n{answer.headers['content-type']}\n"
        return head.encode() + await answer.read()


async def test_a_hanging_answer_does_not_hold_the_statuses(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, hang_ms=60_000)
    call = asyncio.create_task(sandbox.send_text(phone))

    await until(lambda: receiver.names(phone) == ["sent", "delivered", "read"])
    assert not call.done()
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
        await call
    assert await _outcome(sandbox, phone) == ("accepted", None, True)


async def test_statuses_may_be_silenced(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, statuses=[], reply_text="seen")
    await sandbox.send_text(phone)

    await until(lambda: receiver.messages(phone))
    assert receiver.names(phone) == []


async def test_duplicates_come_in_posts_of_their_own(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, duplicate=2, statuses=["delivered"], status_delay_ms=0)
    await sandbox.send_text(phone)

    await until(lambda: len(receiver.names(phone)) == 2)
    assert sum(f'"recipient_id":"{phone}"'.encode() in body for body in receiver.bodies) == 2
    assert receiver.statuses(phone)[0] == receiver.statuses(phone)[1]


async def test_the_person_answers_after_reading(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.scenario(phone, reply_text="спасибо")
    await sandbox.send_text(phone)

    [message] = await until(lambda: receiver.messages(phone))
    assert message["text"]["body"] == "спасибо"
    assert receiver.names(phone) == ["sent", "delivered", "read"]


async def test_a_persons_own_scenario_beats_everybodys_and_delete_resets(sandbox: Sandbox, phone: str) -> None:
    await sandbox.scenario("*", refuse_code=130429)
    await sandbox.scenario(f"%2B{phone}", refuse_code=131026)
    try:
        assert (await sandbox.post(text_to(phone)))[1]["error"]["code"] == 131026
        await sandbox.control("DELETE", f"scenarios/{phone}")
        assert (await sandbox.post(text_to(phone)))[1]["error"]["code"] == 130429
        shown = await sandbox.control("GET", "scenarios")
        assert "*" in shown
        assert phone not in shown
    finally:
        await sandbox.control("DELETE", "scenarios")
    assert (await sandbox.post(text_to(phone)))[0] == 200


async def test_times_counts_down_and_is_shown(sandbox: Sandbox, phone: str) -> None:
    await sandbox.scenario(phone, refuse_code=131016, times=2)
    assert (await sandbox.post(text_to(phone)))[0] == 500
    assert (await sandbox.control("GET", f"scenarios/{phone}"))["times"] == 1
    assert (await sandbox.post(text_to(phone)))[0] == 500
    assert (await sandbox.post(text_to(phone)))[0] == 200


@pytest.mark.parametrize("wrong", [{"colour": 1}, {"duplicate": 0}, {"statuses": ["lost"]}, {"drop": "during"}])
async def test_a_scenario_that_means_nothing_is_refused(sandbox: Sandbox, phone: str, wrong: object) -> None:
    async with sandbox.session.put(f"{sandbox.url}/_sandbox/scenarios/{phone}", json=wrong) as answer:
        assert answer.status == 422
