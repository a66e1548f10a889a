"""The record of sends, and that it outlives the process."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

import aiohttp
import pytest

from tests.sandbox.stand import Receiver, Sandbox, text_to, until


async def test_every_request_is_recorded_in_order_and_paged(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, _ = own_stand
    await sandbox.start()
    for n in range(5):
        await sandbox.send_text(phone, mark=str(n))

    sends = (await sandbox.control("GET", "sends"))["sends"]
    assert [send["n"] for send in sends] == [1, 2, 3, 4, 5]
    assert [send["biz_opaque_callback_data"] for send in sends] == ["0", "1", "2", "3", "4"]
    assert sends[0]["to"] == f"+{phone}"
    assert sends[0]["at"].endswith("Z")
    assert [send["n"] for send in (await sandbox.control("GET", "sends?after=3"))["sends"]] == [4, 5]
    assert (await sandbox.control("GET", "sends?after=99"))["sends"] == []


async def test_what_was_answered_200_is_in_the_file_after_kill_9(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, _ = own_stand
    await sandbox.start()
    answered: list[str] = []

    async def keep_sending(lane: int) -> None:
        for n in range(10_000):
            answer = await sandbox.send_text(f"7933{lane}{n:06}")
            answered.append(answer["messages"][0]["id"])

    async with asyncio.TaskGroup() as group:
        lanes = [group.create_task(_until_reset(keep_sending(lane))) for lane in range(8)]
        await until(lambda: len(answered) >= 200)
        await sandbox.end(signal.SIGKILL)
    assert all(lane.done() for lane in lanes)
    await sandbox.start()

    recorded: list[dict[str, object]] = []
    while page := (await sandbox.control("GET", f"sends?after={len(recorded)}"))["sends"]:
        recorded += page
    assert set(answered) <= {str(send["wamid"]) for send in recorded}
    assert [send["n"] for send in recorded] == list(range(1, len(recorded) + 1))
    await sandbox.send_text("79330000000")
    assert (await sandbox.control("GET", f"sends?after={len(recorded)}"))["sends"][0]["n"] == len(recorded) + 1


async def _until_reset(sending: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(aiohttp.ClientError):
        await sending


async def test_a_torn_last_line_is_cut_off(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, _ = own_stand
    await sandbox.start()
    await sandbox.send_text(phone)
    await sandbox.end(signal.SIGKILL)
    with sandbox.file.open("ab") as file:
        file.write(b'{"n":2,"to":"+7')
    await sandbox.start()

    await sandbox.send_text(phone)
    assert [send["n"] for send in await sandbox.sends(phone)] == [1, 2]


async def test_a_file_that_is_not_ours_stops_the_start(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, _ = own_stand
    sandbox.file.write_text("not json\n")
    with pytest.raises(AssertionError, match="ended while starting"):
        await sandbox.start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_what_the_webhook_has_not_taken_is_told_after_a_restart(
    own_stand: tuple[Sandbox, Receiver], phone: str, how: signal.Signals
) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    receiver.status = 500
    await sandbox.send_text(phone, mark="m")
    wamid = (await sandbox.control("POST", f"people/{phone}/messages", {"text": "hi"}))["id"]
    await until(lambda: receiver.refused)
    await sandbox.end(how)
    receiver.status = 200
    await sandbox.start()

    await until(lambda: set(receiver.names(phone)) == {"sent", "delivered", "read"})
    assert {s["biz_opaque_callback_data"] for s in receiver.statuses(phone)} == {"m"}
    await until(lambda: [m["id"] for m in receiver.messages(phone)] == [wamid])


async def test_what_the_webhook_has_taken_is_not_told_again_after_a_clean_stop(
    own_stand: tuple[Sandbox, Receiver], phone: str
) -> None:
    sandbox, receiver = own_stand
    for _ in range(3):
        await sandbox.start()
        await sandbox.send_text(phone)
        await sandbox.control("POST", f"people/{phone}/messages", {"text": "hi"})
        await sandbox.all_told()
        assert await sandbox.end(signal.SIGTERM) == 0

    assert receiver.names(phone) == ["sent", "delivered", "read"] * 3
    assert len(receiver.messages(phone)) == 3


async def test_what_was_refused_is_not_told_of_after_a_restart(own_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    await sandbox.scenario(phone, refuse_code=131026)
    status, _ = await sandbox.post(text_to(phone, "hello"))
    assert status == 400
    assert [send["outcome"] for send in await sandbox.sends(phone)] == ["refused"]
    for _ in range(2):
        assert await sandbox.end(signal.SIGTERM) == 0
        await sandbox.start()
        await sandbox.send_text("79330000001")
        await sandbox.all_told()
    assert receiver.names("79330000001") == ["sent", "delivered", "read"] * 2
    assert receiver.names(phone) == []
