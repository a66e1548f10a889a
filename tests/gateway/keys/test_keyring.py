"""Tenants' keys: derived by purpose, rotated without losing anything, useless without the KEK."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from services.gateway.keys.errors import NoSuchKey
from services.gateway.keys.service import Keyring
from services.kernel import crypto
from services.kernel.db import Database
from services.kernel.errors import Unavailable
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import Gateway, Keys, Tenant, database_down


@pytest.fixture
def keyring(gateway_database: Database, kek_file: Path) -> Keyring:
    """A process that knows nothing yet."""
    return Keyring(gateway_database, crypto.FileKek(kek_file))


def place(tenant_id: UUID) -> crypto.Place:
    return crypto.Place(tenant_id, "messages", "body", "1")


async def test_two_processes_have_the_same_keys(gateway: Gateway, tenant: Tenant, keyring: Keyring) -> None:
    first: Keyring = gateway.app.state.keyring
    assert await keyring.key(tenant.id, "messages") == await first.key(tenant.id, "messages")
    assert await keyring.index_key(tenant.id) == await first.index_key(tenant.id)
    private_key = await keyring.box_private_key(tenant.id)
    assert crypto.public_box_key(private_key) == await first.public_key(tenant.id)


async def test_purposes_and_tenants_have_different_keys(tenant: Tenant, other_tenant: Tenant, keyring: Keyring) -> None:
    keys = [
        await keyring.key(tenant.id, "messages"),
        await keyring.key(tenant.id, "numbers"),
        await keyring.service_key(tenant.id, "webhook"),
        await keyring.service_key(tenant.id, "consent"),
        await keyring.key(other_tenant.id, "messages"),
    ]
    assert len({key.secret for key in keys}) == len(keys)


async def test_what_was_sealed_before_a_rotation_opens_after_it(
    gateway: Gateway, gateway_database: Database, keyring: Keyring, kek_file: Path
) -> None:
    tenant = await gateway.new_tenant()
    old_key = await keyring.key(tenant.id, "messages")
    sealed = crypto.seal(old_key, place(tenant.id), b"before")
    async with gateway_database.transaction() as connection:
        new_id = await keyring.rotate(connection, tenant.id)

    restarted = Keyring(gateway_database, crypto.FileKek(kek_file))
    assert (await restarted.key(tenant.id, "messages")).id == new_id
    opening = await restarted.opening_key(tenant.id, "messages", crypto.sealed_key_id(sealed))
    assert crypto.open_sealed(opening, place(tenant.id), sealed) == b"before"


async def test_a_process_that_missed_a_rotation_opens_what_a_newer_key_sealed(
    gateway: Gateway, gateway_database: Database, keyring: Keyring, kek_file: Path
) -> None:
    tenant = await gateway.new_tenant()
    await keyring.key(tenant.id, "messages")  # remembered from here on
    async with gateway_database.transaction() as connection:
        await keyring.rotate(connection, tenant.id)
    elsewhere = Keyring(gateway_database, crypto.FileKek(kek_file))
    sealed = crypto.seal(await elsewhere.key(tenant.id, "messages"), place(tenant.id), b"after")

    opening = await keyring.opening_key(tenant.id, "messages", crypto.sealed_key_id(sealed))
    assert crypto.open_sealed(opening, place(tenant.id), sealed) == b"after"
    webhook = await elsewhere.service_key(tenant.id, "webhook")
    assert await keyring.service_opening_key(tenant.id, "webhook", webhook.id) == webhook


async def test_an_unknown_tenant_or_key_is_said_to_be_unknown(tenant: Tenant, keyring: Keyring) -> None:
    with pytest.raises(NoSuchKey):
        await keyring.key(uuid4(), "messages")
    with pytest.raises(NoSuchKey):
        await keyring.opening_key(tenant.id, "messages", uuid4())


async def test_keys_stand_wrapped_in_the_database(tenant: Tenant, gateway_database: Database, keyring: Keyring) -> None:
    async with gateway_database.transaction() as connection:
        statement = sql("select wrapped from tenant_keys where tenant_id = :t")
        wrapped = [bytes(row.wrapped) for row in await connection.execute(statement, {"t": tenant.id})]
    assert len(wrapped) == 3
    secrets = [await keyring.index_key(tenant.id), await keyring.box_private_key(tenant.id)]
    assert not any(secret in row for secret in secrets for row in wrapped)


async def test_another_kek_opens_nothing(tenant: Tenant, gateway_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "kek"
    path.write_bytes(crypto.random_key())
    path.chmod(0o400)
    with pytest.raises(crypto.CannotOpen):
        await Keyring(gateway_database, crypto.FileKek(path)).index_key(tenant.id)


async def test_a_wrapped_key_does_not_open_as_another_tenants(
    gateway: Gateway, tenant: Tenant, gateway_database: Database, keyring: Keyring
) -> None:
    victim = await gateway.new_tenant()
    swap = sql("""
        update tenant_keys k set wrapped = o.wrapped
          from tenant_keys o
         where k.tenant_id = :victim and o.tenant_id = :other and k.purpose = o.purpose
    """)
    async with gateway_database.transaction() as connection:
        await connection.execute(swap, {"victim": victim.id, "other": tenant.id})
    with pytest.raises(crypto.CannotOpen):
        await keyring.key(victim.id, "messages")


async def test_a_version_exists_once(tenant: Tenant, gateway_database: Database) -> None:
    repeat = sql("""
        insert into tenant_keys (id, tenant_id, purpose, version, wrapped)
        select gen_random_uuid(), tenant_id, purpose, version, wrapped
          from tenant_keys where tenant_id = :t and purpose = 'content'
    """)
    with pytest.raises(DBAPIError, match="unique"):
        async with gateway_database.transaction() as connection:
            await connection.execute(repeat, {"t": tenant.id})


async def test_every_service_opens_its_own_keys_and_no_others(tenant: Tenant, keyring: Keyring, keys: Keys) -> None:
    public_keys = {name: public for name, (_, public) in keys.boxes.items()}
    sealed = await keyring.seal_for_services(tenant.id, public_keys)
    assert set(sealed) == {"webhook", "consent", "billing"}
    for service, (private_key, _) in keys.boxes.items():
        context = f"tenant:{tenant.id}:{service}"
        index_key = crypto.open_box(private_key, f"{context}:index", sealed[service].index_key)
        data_key = crypto.open_box(private_key, f"{context}:data", sealed[service].data_key)
        assert index_key == await keyring.index_key(tenant.id)
        assert crypto.Key(UUID(sealed[service].data_key_id), data_key) == await keyring.service_key(tenant.id, service)
    with pytest.raises(crypto.CannotOpen):
        crypto.open_box(keys.boxes["billing"][0], f"tenant:{tenant.id}:consent:index", sealed["consent"].index_key)


async def test_known_keys_outlive_the_database(
    infrastructure: Infrastructure, gateway: Gateway, gateway_database: Database, keyring: Keyring
) -> None:
    tenant, stranger = await gateway.new_tenant(), await gateway.new_tenant()
    key = await keyring.key(tenant.id, "messages")
    keyring._tenants._entries[tenant.id].fresh_until = 0.0
    async with database_down(infrastructure, gateway_database):
        assert await keyring.key(tenant.id, "messages") == key
        with pytest.raises(Unavailable):
            await keyring.key(stranger.id, "messages")
    await gateway_database.engine.dispose()
    await gateway.app.state.database.engine.dispose()
    assert await keyring.key(stranger.id, "messages")
