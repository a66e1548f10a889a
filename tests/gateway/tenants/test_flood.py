"""Made-up keys fill no memory, cost few queries, and disturb nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from services.gateway.cache import ABSENT_MAX
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory, new_api_key
from services.kernel import crypto
from services.kernel.db import Database
from services.kernel.errors import Overloaded, Unavailable
from tests.gateway.stand import Keys, Tenant


@pytest.fixture
async def directory(gateway_database: Database, kek_file: Path, keys: Keys) -> AsyncIterator[Directory]:
    keyring = Keyring(gateway_database, crypto.FileKek(kek_file))
    directory = Directory(gateway_database, keyring, pepper=keys.pepper)
    directory.start()
    yield directory
    await directory.stop()


@pytest.fixture
def queries(gateway_database: Database) -> list[str]:
    """Every statement about API keys."""
    asked: list[str] = []

    def note(*given: object) -> None:
        if "api_keys" in str(given[2]):
            asked.append(str(given[2]))

    event.listen(gateway_database.engine.sync_engine, "before_cursor_execute", note)
    return asked


async def test_a_key_with_a_wrong_checksum_costs_no_query(directory: Directory, queries: list[str]) -> None:
    for key in ("", "vk_live_", new_api_key()[:-1] + "-", "vk_live_" + "a" * 32 + "_000000"):
        assert await directory.principal(key) is None
    assert queries == []


async def test_a_thousand_made_up_keys_at_once_cost_a_few_queries(
    directory: Directory, tenant: Tenant, queries: list[str]
) -> None:
    keys = [tenant.api_key] + [new_api_key() for _ in range(1_000)]
    mine, *others = await asyncio.gather(*(directory.principal(key) for key in keys))
    assert mine is not None
    assert set(others) == {None}
    assert 1 <= len(queries) <= 4
    assert not [None for key in keys if await directory.principal(key) and key != tenant.api_key]
    assert len(queries) <= 4, "what does not exist is believed for a moment"


async def test_a_flood_pushes_no_real_key_out_of_memory(directory: Directory, tenant: Tenant) -> None:
    assert await directory.principal(tenant.api_key) is not None
    for _ in range(3):
        answers = await asyncio.gather(
            *(directory.principal(new_api_key()) for _ in range(4_000)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} <= {type(None), Overloaded, Unavailable}, (
            "nothing worse than: try again"
        )
    remembered = directory._principals
    assert len(remembered._absent) <= ABSENT_MAX
    assert len(remembered._entries) == 1
    assert await directory.principal(tenant.api_key) is not None


async def test_more_look_ups_than_can_wait_are_refused(directory: Directory) -> None:
    answers = await asyncio.gather(*(directory.principal(new_api_key()) for _ in range(6_000)), return_exceptions=True)
    assert Overloaded in {type(answer) for answer in answers}
