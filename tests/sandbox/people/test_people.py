"""People who write, and what can be seen of them."""

import asyncio

import aiohttp

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, until


async def test_a_person_writes_to_the_number_that_wrote_to_them_last(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    await sandbox.send_text(phone)
    wamid = (await sandbox.control("POST", f"people/%2B{phone}/messages", {"text": "СТОП"}))["id"]

    [message] = await until(lambda: receiver.messages(phone))
    assert message["id"] == wamid
    assert (message["type"], message["text"]) == ("text", {"body": "СТОП"})
    [value] = [v for v in receiver.values() if message in v.get("messages", [])]
    assert value["metadata"]["phone_number_id"] == NUMBER
    [contact] = value["contacts"]
    assert contact["wa_id"] == phone
    assert contact["user_id"] == message["from_user_id"]
    assert contact["profile"]["name"]


async def test_a_person_nobody_wrote_to_needs_a_number(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    url = f"{sandbox.url}/_sandbox/people/{phone}/messages"
    async with sandbox.session.post(url, json={"text": "hi"}) as answer:
        assert answer.status == 409

    await sandbox.control("POST", f"people/{phone}/messages", {"text": "hi", "phone_number_id": "7"})
    await until(lambda: receiver.messages(phone))


async def test_texts_of_one_person_keep_their_order(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    receiver.delays.append(0.5)
    for n in range(10):
        await sandbox.control("POST", f"people/{phone}/messages", {"text": str(n), "phone_number_id": NUMBER})

    await until(lambda: len(receiver.messages(phone)) == 10)
    assert [m["text"]["body"] for m in receiver.messages(phone)] == [str(n) for n in range(10)]


async def test_calls_at_once_are_counted(sandbox: Sandbox, phone: str) -> None:
    await sandbox.scenario(phone, latency_ms=200)
    await asyncio.gather(sandbox.send_text(phone, "a"), sandbox.send_text(phone, "b"))

    view = await sandbox.control("GET", f"people/{phone}")
    assert view["max_concurrent"] == 2
    assert view["max_concurrent_by_number"] == {NUMBER: 2}


async def test_calls_one_after_another_are_seen_in_order_with_their_times(sandbox: Sandbox, phone: str) -> None:
    for text in ("one", "two", "three"):
        await sandbox.send_text(phone, text, mark=text)

    view = await sandbox.control("GET", f"people/{phone}")
    assert view["max_concurrent"] == 1
    assert [call["text"] for call in view["sends"]] == ["one", "two", "three"]
    assert [call["biz_opaque_callback_data"] for call in view["sends"]] == ["one", "two", "three"]
    assert all(call["started_at"] <= call["ended_at"] for call in view["sends"])
    assert [message["text"] for message in view["inbox"]] == ["one", "two", "three"]


async def test_a_call_under_way_has_no_end(sandbox: Sandbox, phone: str) -> None:
    await sandbox.scenario(phone, hang_ms=60_000)
    try:
        async with asyncio.timeout(0.5):
            await sandbox.send_text(phone)
    except (TimeoutError, aiohttp.ClientError):
        pass

    [call] = (await sandbox.control("GET", f"people/{phone}"))["sends"]
    assert call["ended_at"] is None
    assert call["outcome"] == "accepted"
