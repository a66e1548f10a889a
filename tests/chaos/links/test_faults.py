"""Each fault of a link does to real connections what its name says, and afterwards everything passes."""

import asyncio
import time

import pytest

from tests.chaos.links.echo import (
    LARGE,
    NOTHING_SECONDS,
    Door,
    Server,
    cut,
    hears_nothing,
    is_reset,
    said_back,
    told_before_reset,
)
from tests.chaos.links.faults import BLACKHOLE, CUT_AFTER, HALF_OPEN, LATENCY, RESET, LinkFault
from tests.chaos.links.process import LinkHandle
from tests.e2e.harness.waiting import eventually


async def test_latency_delays_each_way_and_keeps_the_order(door: Door, link: LinkHandle) -> None:
    reader, writer = await door.call()
    async with link.fault(LinkFault(LATENCY, seconds=0.2)):
        began = time.monotonic()
        for number in range(50):
            writer.write(b"%02d" % number)
            await asyncio.sleep(0.001)
        told = await asyncio.wait_for(reader.readexactly(100), 5)
        assert time.monotonic() - began >= 0.4
    assert told == b"".join(b"%02d" % number for number in range(50))


async def test_what_is_under_way_when_the_latency_ends_is_not_overtaken(door: Door, link: LinkHandle) -> None:
    reader, writer = await door.call()
    async with link.fault(LinkFault(LATENCY, seconds=60.0)):
        writer.write(b"early ")
        await asyncio.sleep(NOTHING_SECONDS)
    writer.write(b"late")
    assert await asyncio.wait_for(reader.readexactly(10), 5) == b"early late"


async def test_a_farewell_comes_late_as_well_and_behind_the_words(door: Door, link: LinkHandle) -> None:
    reader, writer = await door.call()
    async with link.fault(LinkFault(LATENCY, seconds=0.2)):
        writer.write(b"last words")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"last words"


async def test_reset_cuts_open_connections_and_new_ones_until_it_ends(
    door: Door, link: LinkHandle, server: Server
) -> None:
    before = await door.call()
    await said_back(before)
    async with link.fault(LinkFault(RESET)):
        assert await is_reset(before)
        await eventually(lambda: server.ended == ["reset"])
        assert await door.is_reset_at_once()
    assert await said_back(await door.call()) == b"hello"


async def test_a_blackhole_takes_everything_in_and_gives_it_on_when_it_ends(
    door: Door, link: LinkHandle, server: Server
) -> None:
    before = await door.call()
    await said_back(before)
    async with link.fault(LinkFault(BLACKHOLE)):
        during = await door.call()
        for streams in (before, during):
            streams[1].write(b"anybody?")
        assert await hears_nothing(before)
        assert await hears_nothing(during)
        assert bytes(server.heard) == b"hello"
    for streams in (before, during):
        assert await asyncio.wait_for(streams[0].readexactly(8), 5) == b"anybody?"


async def test_nobody_learns_in_a_blackhole_that_the_other_side_went(
    door: Door, link: LinkHandle, server: Server
) -> None:
    leaves, left = await door.call(), await door.call()
    await said_back(leaves)
    (its_server, _) = server.streams[0]
    await said_back(left)
    async with link.fault(LinkFault(BLACKHOLE)):
        leaves[1].transport.abort()
        server.streams[1][1].transport.abort()
        assert await hears_nothing(left)
        assert not its_server.at_eof()
    await eventually(its_server.at_eof)
    assert await asyncio.wait_for(left[0].read(), 5) == b""


async def test_a_blackhole_may_end_with_a_reset(door: Door, link: LinkHandle, server: Server) -> None:
    before = await door.call()
    await said_back(before)
    async with link.fault(LinkFault(BLACKHOLE, resets=True)):
        during = await door.call()
        before[1].write(b"never heard")
        await asyncio.sleep(NOTHING_SECONDS)
    assert await is_reset(before)
    assert await is_reset(during)
    assert bytes(server.heard) == b"hello"
    assert await said_back(await door.call()) == b"hello"


async def test_a_half_open_connection_lost_its_server_and_the_client_learns_it_at_its_next_word(
    door: Door, link: LinkHandle, server: Server
) -> None:
    talks, waits = await door.call(), await door.call()
    for streams in (talks, waits):
        await said_back(streams)
    async with link.fault(LinkFault(HALF_OPEN, cuts_client=False)):
        await eventually(lambda: server.ended == ["reset", "reset"])
        talks[1].write(b"anybody?")
        assert await hears_nothing(talks)
        assert await hears_nothing(waits)
        assert await said_back(await door.call()) == b"hello"
    assert await is_reset(talks)
    assert await hears_nothing(waits)
    waits[1].write(b"anybody?")
    assert await is_reset(waits)


async def test_a_half_open_connection_may_lose_its_client_and_the_server_waits_for_it(
    door: Door, link: LinkHandle, server: Server
) -> None:
    streams = await door.call()
    await said_back(streams)
    async with link.fault(LinkFault(HALF_OPEN, cuts_client=True)):
        assert await is_reset(streams)
        await asyncio.sleep(NOTHING_SECONDS)
        assert not server.ended
    server.streams[0][1].write(b"still there?")
    await eventually(lambda: server.ended == ["reset"])


@pytest.mark.parametrize("count", [1, 7, 200_000])
async def test_cut_after_gives_so_many_bytes_of_the_answers_and_then_a_reset(
    door: Door, link: LinkHandle, server: Server, count: int
) -> None:
    before = await door.call()
    await said_back(before)
    async with link.fault(LinkFault(CUT_AFTER, count=count)):
        for streams in (before, await door.call()):
            streams[1].write(LARGE)
            assert await told_before_reset(streams) == count
    assert await said_back(await door.call()) == b"hello"


async def test_a_cut_connection_is_not_mended_when_the_fault_ends(door: Door, link: LinkHandle) -> None:
    streams = await door.call()
    async with link.fault(LinkFault(CUT_AFTER, count=1_000)):
        streams[1].write(LARGE)
        first = await streams[0].read(1)
    assert len(first) + await told_before_reset(streams) == 1_000


async def test_a_reset_does_not_overtake_the_words_before_it(door: Door, link: LinkHandle, server: Server) -> None:
    _, writer = await door.call()
    async with link.fault(LinkFault(LATENCY, seconds=0.2)):
        writer.write(b"last words")
        await asyncio.sleep(0.05)
        cut(writer)
        await eventually(lambda: server.ended == ["reset"])
    assert bytes(server.heard) == b"last words"
