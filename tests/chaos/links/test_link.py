"""A link without a fault changes nothing, and faults follow one another without a trace."""

import asyncio
import contextlib
import time

from tests.chaos.links.echo import (
    LARGE,
    NOTHING_SECONDS,
    Door,
    Server,
    cut,
    is_reset,
    said_back,
)
from tests.chaos.links.faults import BLACKHOLE, KINDS, RESET, LinkFault
from tests.chaos.links.process import LinkHandle
from tests.e2e.harness.waiting import eventually


async def test_everything_passes_in_both_directions_however_much(door: Door, link: LinkHandle) -> None:
    reader, writer = await door.call()
    writer.write(LARGE)
    assert await asyncio.wait_for(reader.readexactly(len(LARGE)), 10) == LARGE
    assert link.carried_bytes == 2 * len(LARGE)
    assert link.opened == 1


async def test_a_slow_reader_slows_the_sender_and_gets_everything(door: Door, server: Server) -> None:
    reader, writer = await door.call()
    for _ in range(10):
        writer.write(LARGE)
    await asyncio.sleep(NOTHING_SECONDS)
    assert len(server.heard) < 10 * len(LARGE)
    for _ in range(10):
        assert await asyncio.wait_for(reader.readexactly(len(LARGE)), 10) == LARGE


async def test_who_says_farewell_still_gets_the_answer_and_then_the_others_farewell(door: Door, server: Server) -> None:
    reader, writer = await door.call()
    writer.write(b"last words")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b"last words"
    assert server.ended == ["farewell"]


async def test_a_reset_of_one_side_reaches_the_other(door: Door, server: Server) -> None:
    streams = await door.call()
    await said_back(streams)
    cut(streams[1])
    await eventually(lambda: server.ended == ["reset"])
    streams = await door.call()
    await said_back(streams)
    cut(server.streams[-1][1])
    assert await is_reset(streams)


async def test_a_server_that_is_not_there_is_a_reset(link: LinkHandle) -> None:
    assert await Door(link, server_port=1).is_reset_at_once()


async def test_two_doors_of_a_link_lead_to_two_servers_and_have_the_same_fault(
    door: Door, link: LinkHandle, server: Server
) -> None:
    async with Server() as other:
        doors = door, Door(link, other.port)
        for one in doors:
            await said_back(await one.call())
        assert bytes(server.heard) == bytes(other.heard) == b"hello"
        async with link.fault(LinkFault(RESET)):
            assert [await one.is_reset_at_once() for one in doors] == [True, True]
        await doors[1].close()


async def test_a_second_fault_waits_for_the_first(door: Door, link: LinkHandle) -> None:
    async def strike(kind: str, seconds: float) -> float:
        async with link.fault(LinkFault(kind)):
            began = time.monotonic()
            await asyncio.sleep(seconds)
            return began

    first, second = await asyncio.gather(strike(RESET, 0.2), strike(BLACKHOLE, 0.0))
    assert second - first >= 0.2
    assert await said_back(await door.call()) == b"hello"


async def test_a_link_survives_all_its_faults_many_times(door: Door, link: LinkHandle) -> None:
    """Clients that talk all the while are cut off now and then, never told another's words; then everything passes."""
    talking = [asyncio.create_task(_talk(door, b"<%02d>" % number)) for number in range(20)]
    for turn in range(15):
        even = turn % 2 == 0
        fault = LinkFault(KINDS[turn % 5], seconds=0.02, count=turn * 10 + 1, cuts_client=even, resets=even)
        async with link.fault(fault):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.02)
    for task in talking:
        task.cancel()
    ends = await asyncio.gather(*talking, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    assert await said_back(await door.call()) == b"hello"


async def _talk(door: Door, words: bytes) -> None:
    while True:
        with contextlib.suppress(ConnectionError, TimeoutError):
            reader, writer = await door.call()
            while True:
                writer.write(words)
                # Not wait_for, which before Python 3.12 may swallow a cancellation: the task would talk for ever.
                async with asyncio.timeout(NOTHING_SECONDS):
                    told = await reader.read(len(words))
                assert words.startswith(told)
                if told != words:
                    break
                await asyncio.sleep(0.002)
