"""Links do their work in a process of their own, and what goes wrong there is raised here."""

import json
import multiprocessing
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.chaos.links.echo import Door, is_reset, said_back
from tests.chaos.links.faults import LATENCY, LinkFault
from tests.chaos.links.process import LinkHandle, LinkProcess


async def test_a_second_fault_at_the_same_time_is_refused(door: Door, link: LinkHandle) -> None:
    link.start(LinkFault(LATENCY))
    with pytest.raises(RuntimeError, match="has a fault already"):
        link.start(LinkFault(LATENCY))
    link.stop()
    link.stop()
    assert await said_back(await door.call()) == b"hello"


async def test_a_port_that_is_taken_is_told(door: Door, link: LinkHandle) -> None:
    with pytest.raises(OSError, match="address already in use"):
        link.door(("127.0.0.1", 1), port=door.port)


async def test_a_link_writes_down_when_a_message_left(door: Door, link: LinkHandle, tmp_path: Path) -> None:
    name, path, began = str(uuid4()), tmp_path / "wire.jsonl", time.time()
    link.record(path)
    streams = await door.call()
    for words in (b"hello", b'{"to":"+7","biz_opaque_callback_data":"%s"}' % name.encode()):
        assert await said_back(streams, words) == words
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert row["id"] == name
    assert began <= row["at"] <= time.time()


async def test_with_its_creator_a_process_ends_and_its_connections_are_reset(door: Door) -> None:
    before = {child.pid for child in multiprocessing.active_children()}
    with LinkProcess() as process:
        streams = await Door(process.link("short-lived"), door.port).call()
        streams[1].write(b"hello")
        assert await streams[0].readexactly(5) == b"hello"
    assert await is_reset(streams)
    assert {child.pid for child in multiprocessing.active_children()} == before
