"""A gateway whose upstream is the tests' own Meta, and whose files stand in a directory of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kernel.db import Database
from tests.gateway.media.meta import Meta, playing
from tests.gateway.media.stack import Stack
from tests.gateway.stand import AnotherGateway


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    async with playing() as meta:
        yield meta


@pytest.fixture
async def stack(
    another_gateway: AnotherGateway, gateway_database: Database, meta: Meta, tmp_path: Path
) -> AsyncIterator[Stack]:
    urls = dict.fromkeys(("consent", "billing"), "http://127.0.0.1:1") | {"graph": meta.url, "sandbox": meta.url}
    settings = {"directory": str(tmp_path / "media"), "tenant_bytes_max": 60 * 1024 * 1024}
    async with another_gateway(urls=urls | {"public": "https://api.example.org"}, media=settings) as gateway:
        yield Stack(gateway, gateway_database, meta, tmp_path / "media", await gateway.new_tenant())
