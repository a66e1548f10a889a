"""A link in its own process, an echo behind it."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.chaos.links.echo import Door, Server
from tests.chaos.links.process import LinkHandle, LinkProcess

numbers = itertools.count(1)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as echo:
        yield echo


@pytest.fixture(scope="package")
def process() -> Iterator[LinkProcess]:
    with LinkProcess() as process:
        yield process


@pytest.fixture
def link(process: LinkProcess) -> LinkHandle:
    """Another one for each test."""
    return process.link(f"link {next(numbers)}")


@pytest.fixture
async def door(link: LinkHandle, server: Server) -> AsyncIterator[Door]:
    door = Door(link, server.port)
    yield door
    await door.close()
