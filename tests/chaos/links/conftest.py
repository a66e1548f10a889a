"""A link in a thread of its own, an echo behind it."""

import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvloop

from tests.chaos.links.echo import Door, Server
from tests.chaos.links.link import Link


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as echo:
        yield echo


@pytest.fixture
def link() -> Iterator[Link]:
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    link = Link("tested", loop)
    yield link
    link.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
async def door(link: Link, server: Server) -> AsyncIterator[Door]:
    door = Door(link, server.port)
    yield door
    await door.close()
