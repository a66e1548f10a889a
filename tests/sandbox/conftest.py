"""The shared sandbox of these tests, and a fresh one for tests that kill it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.stand import Receiver, Sandbox, new_phone, receiving


@pytest.fixture
def phone() -> str:
    return new_phone()


@pytest.fixture(scope="session")
async def _stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Sandbox, Receiver]]:
    async with receiving() as (receiver, url), aiohttp.ClientSession() as session:
        sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), url, session)
        await sandbox.start()
        yield sandbox, receiver
        await sandbox.stop()


@pytest.fixture
def sandbox(_stand: tuple[Sandbox, Receiver]) -> Sandbox:
    return _stand[0]


@pytest.fixture
def receiver(_stand: tuple[Sandbox, Receiver]) -> Receiver:
    return _stand[1]


@pytest.fixture
async def own_stand(tmp_path: Path) -> AsyncIterator[tuple[Sandbox, Receiver]]:
    """Not yet started, and nobody else's."""
    async with receiving() as (receiver, url), aiohttp.ClientSession() as session:
        sandbox = Sandbox(tmp_path, url, session)
        yield sandbox, receiver
        await sandbox.stop()


@pytest.fixture
async def strict_stand(own_stand: tuple[Sandbox, Receiver]) -> tuple[Sandbox, Receiver]:
    """A sandbox of its own in which free-form needs a window, as at Meta."""
    await own_stand[0].start(RULES__WINDOW="true")
    return own_stand
