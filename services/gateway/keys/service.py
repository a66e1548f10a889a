"""The keyring: tenants' keys, unwrapped when first needed and derived by purpose."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.cache import Remembered
from services.gateway.keys import repository
from services.gateway.keys.errors import NoSuchKey
from services.gateway.keys.repository import WrappedKey
from services.kernel import crypto
from services.kernel.contracts.tenants import SealedServiceKeys
from services.kernel.crypto.places import data_key_of, index_key_of
from services.kernel.db import Database
from services.kernel.identifiers import uuid7

CONTENT, INDEX, BOX = "content", "index", "box"

# A rotation is used by other processes after this time at the latest; until then they seal under the older key.
FRESH_SECONDS = 60.0
TENANTS_MAX = 100_000  # about 2 KB each


class _TenantKeys:
    """One tenant's keys in clear."""

    def __init__(self, keys: Sequence[tuple[WrappedKey, bytes]]) -> None:
        self._content = {key.id: secret for key, secret in keys if key.purpose == CONTENT}
        self._purposes: dict[tuple[UUID, str], crypto.Key] = {}
        self.newest_id = list(self._content)[-1]  # keys come oldest version first
        self.index_key = [secret for key, secret in keys if key.purpose == INDEX][-1]
        self.box_private_key, self.public_key = [
            (secret, key.public_key or b"") for key, secret in keys if key.purpose == BOX
        ][-1]

    def purpose_key(self, key_id: UUID, purpose: str) -> crypto.Key | None:
        found = self._purposes.get((key_id, purpose))
        if found is None and key_id in self._content:
            found = crypto.Key(key_id, crypto.derive(self._content[key_id], purpose))
            self._purposes[key_id, purpose] = found
        return found


class Keyring:
    """Purpose keys of every tenant; loads a tenant when it is first needed and keeps it while the database is down.

    Every method raises NoSuchKey for a tenant without keys, and Unavailable when the database is down and the tenant
    was not needed before.
    """

    def __init__(self, database: Database, kek: crypto.Kek) -> None:
        self._database = database
        self._kek = kek
        self._tenants: Remembered[UUID, _TenantKeys] = Remembered(
            self._load, fresh_seconds=FRESH_SECONDS, entries_max=TENANTS_MAX
        )

    async def key(self, tenant_id: UUID, purpose: str) -> crypto.Key:
        """The newest key for sealing the tenant's data of one purpose ("messages", "numbers", ...)."""
        keys = await self._keys(tenant_id)
        return _found(keys.purpose_key(keys.newest_id, purpose), tenant_id, keys.newest_id)

    async def opening_key(self, tenant_id: UUID, purpose: str, key_id: UUID) -> crypto.Key:
        """The key that something was sealed with (`crypto.sealed_key_id`), also one that is newer than we know."""
        key = (await self._keys(tenant_id)).purpose_key(key_id, purpose)
        if key is None:
            self._tenants.forget(tenant_id)  # another process may have rotated a moment ago
            key = (await self._keys(tenant_id)).purpose_key(key_id, purpose)
        return _found(key, tenant_id, key_id)

    async def index_key(self, tenant_id: UUID) -> bytes:
        """The key of the tenant's blind indexes."""
        return (await self._keys(tenant_id)).index_key

    async def box_private_key(self, tenant_id: UUID) -> bytes:
        """Opens what the webhook sealed to the tenant."""
        return (await self._keys(tenant_id)).box_private_key

    async def public_key(self, tenant_id: UUID) -> bytes:
        """The X25519 key to which inbound content of the tenant is sealed."""
        return (await self._keys(tenant_id)).public_key

    async def service_key(self, tenant_id: UUID, service: str) -> crypto.Key:
        """The newest data key that was given to a service for this tenant."""
        return await self.key(tenant_id, _service_purpose(service))

    async def service_opening_key(self, tenant_id: UUID, service: str, key_id: UUID) -> crypto.Key:
        """The data key with which a service sealed something earlier."""
        return await self.opening_key(tenant_id, _service_purpose(service), key_id)

    async def seal_for_services(
        self, tenant_id: UUID, public_keys: Mapping[str, bytes]
    ) -> dict[str, SealedServiceKeys]:
        """What each service needs of the tenant's keys, sealed to that service's X25519 public key."""
        index_key = await self.index_key(tenant_id)
        sealed = {}
        for service, public_key in public_keys.items():
            data_key = await self.service_key(tenant_id, service)
            sealed[service] = SealedServiceKeys(
                index_key=crypto.seal_to(public_key, index_key_of(tenant_id, service), index_key),
                data_key_id=str(data_key.id),
                data_key=crypto.seal_to(public_key, data_key_of(tenant_id, service), data_key.secret),
            )
        return sealed

    async def create(self, connection: AsyncConnection, tenant_id: UUID) -> None:
        """Make a new tenant's keys in the caller's transaction; they are usable in this process at once."""
        private_key, public_key = crypto.new_box_keys()
        secrets = [
            (CONTENT, crypto.random_key(), None),
            (INDEX, crypto.random_key(), None),
            (BOX, private_key, public_key),
        ]
        keys = [(self._wrap(tenant_id, purpose, 1, secret, public), secret) for purpose, secret, public in secrets]
        await repository.add(connection, tenant_id, [key for key, _ in keys])
        self._tenants.put(tenant_id, _TenantKeys(keys))

    async def rotate(self, connection: AsyncConnection, tenant_id: UUID) -> UUID:
        """Add a content key that seals from now on; what older ones sealed stays readable. Returns its id."""
        versions = [key.version for key in await repository.of_tenant(connection, tenant_id) if key.purpose == CONTENT]
        key = self._wrap(tenant_id, CONTENT, max(versions) + 1, crypto.random_key(), None)
        await repository.add(connection, tenant_id, [key])
        return key.id

    async def _keys(self, tenant_id: UUID) -> _TenantKeys:
        keys = await self._tenants.get(tenant_id)
        if keys is None:
            raise NoSuchKey(tenant_id)
        return keys

    async def _load(self, tenant_id: UUID) -> _TenantKeys | None:
        async with self._database.transaction() as connection:
            wrapped = await repository.of_tenant(connection, tenant_id)
        if not wrapped:
            return None
        return _TenantKeys([(key, self._kek.unwrap(key.wrapped, _aad(tenant_id, key))) for key in wrapped])

    def _wrap(self, tenant_id: UUID, purpose: str, version: int, secret: bytes, public_key: bytes | None) -> WrappedKey:
        key = WrappedKey(uuid7(), purpose, version, b"", public_key)
        return key._replace(wrapped=self._kek.wrap(secret, _aad(tenant_id, key)))


def _aad(tenant_id: UUID, key: WrappedKey) -> bytes:
    return crypto.wrap_context(tenant_id, key.version, key.purpose)


def _service_purpose(service: str) -> str:
    return f"service {service}"


def _found(key: crypto.Key | None, tenant_id: UUID, key_id: UUID) -> crypto.Key:
    if key is None:
        raise NoSuchKey(tenant_id, key_id)
    return key
