"""Who calls and from which number: looked up often, remembered shortly."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory, is_api_key, new_api_key
from services.kernel import crypto
from services.kernel.db import Database
from tests.gateway.stand import Gateway, Keys, Tenant


@pytest.fixture
async def directory(gateway_database: Database, kek_file: Path, keys: Keys) -> AsyncIterator[Directory]:
    """A process that knows nothing yet."""
    keyring = Keyring(gateway_database, crypto.FileKek(kek_file))
    directory = Directory(gateway_database, keyring, pepper=keys.pepper)
    directory.start()
    yield directory
    await directory.stop()


async def test_a_number_is_found_with_its_secrets_opened(tenant: Tenant, directory: Directory) -> None:
    number = await directory.number(tenant.phone_number_id)
    assert number is not None
    assert number.tenant_id == tenant.id
    assert number.display_phone_number == tenant.display_phone_number
    assert number.access_token.startswith("EAA")
    assert number.messages_per_second == 80
    assert number.access_token not in repr(number)
    assert number.display_phone_number not in repr(number)


@pytest.mark.parametrize("phone_number_id", ["1", "", "x", "1\x00", "1" * 33, "١٢٣"])
async def test_what_is_no_number_is_not_found(directory: Directory, phone_number_id: str) -> None:
    assert await directory.number(phone_number_id) is None


async def test_a_key_names_its_tenant(tenant: Tenant, other_tenant: Tenant, directory: Directory) -> None:
    mine, theirs = await directory.principal(tenant.api_key), await directory.principal(other_tenant.api_key)
    assert mine is not None
    assert theirs is not None
    assert (mine.tenant_id, theirs.tenant_id) == (tenant.id, other_tenant.id)
    assert await directory.principal(new_api_key()) is None


async def test_a_revoked_key_stops_working(gateway: Gateway, gateway_database: Database, directory: Directory) -> None:
    tenant = await gateway.new_tenant()
    assert await directory.principal(tenant.api_key) is not None
    async with gateway_database.transaction() as connection:
        statement = sql("update api_keys set revoked_at = now() where tenant_id = :t")
        await connection.execute(statement, {"t": tenant.id})
    for entry in directory._principals._entries.values():
        entry.fresh_until = 0.0
    assert await directory.principal(tenant.api_key) is None


async def test_only_a_keyed_hash_of_an_api_key_is_stored(
    tenant: Tenant, gateway_database: Database, keys: Keys
) -> None:
    async with gateway_database.transaction() as connection:
        statement = sql("select key_hash, prefix, api_keys::text as row from api_keys where tenant_id = :t")
        [row] = await connection.execute(statement, {"t": tenant.id})
    assert row.key_hash == crypto.keyed_hash(keys.pepper, tenant.api_key.encode())
    assert tenant.api_key.startswith(row.prefix)
    assert len(row.prefix) == 12
    assert tenant.api_key not in row.row


def test_a_mistyped_key_is_known_by_its_checksum() -> None:
    key = new_api_key()
    assert is_api_key(key)
    assert new_api_key() != key
    for position in range(8, len(key)):
        other = "a" if key[position] != "a" else "b"
        assert not is_api_key(key[:position] + other + key[position + 1 :])
    assert not is_api_key(key + "\n")


async def test_nothing_personal_or_secret_of_a_number_stands_in_clear(
    tenant: Tenant, gateway_database: Database, directory: Directory
) -> None:
    number = await directory.number(tenant.phone_number_id)
    assert number is not None
    async with gateway_database.transaction() as connection:
        statement = sql("select display_phone_number, access_token from numbers where tenant_id = :t")
        [row] = await connection.execute(statement, {"t": tenant.id})
    for stored in row:
        assert number.display_phone_number[1:].encode() not in stored
        assert number.access_token.encode() not in stored
