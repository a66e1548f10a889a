"""What a tenant does with its callback endpoints: add, change, switch on and off, rotate their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import repository
from services.gateway.callbacks.addresses import AddressRules
from services.gateway.callbacks.errors import (
    EndpointNotActive,
    FirstEndpointStays,
    NoSuchEndpoint,
    RotationUnderWay,
    TooManyEndpoints,
)
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.signing_secrets import NewSecret, new_secret
from services.gateway.callbacks.topics import check_filter
from services.gateway.callbacks.urls import check_url
from services.gateway.keys.service import Keyring
from services.kernel.errors import NotFound
from services.kernel.identifiers import uuid7

ENDPOINTS_MAX = 10  # of one tenant, its first one among them: every fact is stored once for each
HOUR_SECONDS = 3_600.0
UPDATES_MAX = 250  # in one POST; an endpoint may ask for fewer


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """The secret is shown this once."""

    row: EndpointRow
    secret: str = field(repr=False)


class Changes(TypedDict, total=False):
    """What is to be changed; what is missing stays."""

    url: str
    events: list[str] | None
    description: str | None
    max_updates: int


async def create_secret(connection: AsyncConnection, keyring: Keyring, tenant_id: UUID) -> str:
    """Make a new tenant's first endpoint, without a URL; returns its secret, which is shown once."""
    return (await _add(connection, keyring, tenant_id, is_first=True, url=None)).secret


async def endpoint(connection: AsyncConnection, tenant_id: UUID) -> EndpointRow:
    """The tenant's first endpoint; raises NotFound for a tenant that was never given a secret."""
    row = await repository.first(connection, tenant_id)
    if row is None:
        raise NotFound("this tenant has no callback secret yet: ask the operator to create one")
    return row


async def set_url(
    connection: AsyncConnection,
    tenant_id: UUID,
    url: str,
    *,
    max_updates: int | None = None,
    rules: AddressRules,
) -> EndpointRow:
    """Call the first endpoint here from now on, also with what waits, and enable it; raises BadCallbackUrl.

    Without `max_updates` the endpoint keeps what it has.
    """
    checked = check_url(url, rules=rules)
    row = await endpoint(connection, tenant_id)
    await repository.change(
        connection,
        row,
        url=checked,
        events=row.events,
        description=row.description,
        max_updates=max_updates or row.max_updates,
    )
    return await enable(connection, tenant_id, row.id)


async def add(
    connection: AsyncConnection,
    keyring: Keyring,
    tenant_id: UUID,
    *,
    url: str,
    events: list[str] | None,
    description: str | None,
    max_updates: int = UPDATES_MAX,
    rules: AddressRules,
) -> NewEndpoint:
    """Another endpoint, which hears of what happens from now on; raises BadCallbackUrl, BadTopic, TooManyEndpoints."""
    checked = check_url(url, rules=rules)
    topics = None if events is None else check_filter(events)
    if await repository.count_locked(connection, tenant_id) >= ENDPOINTS_MAX:
        raise TooManyEndpoints(f"a tenant has at most {ENDPOINTS_MAX} callback endpoints: remove one first")
    return await _add(
        connection,
        keyring,
        tenant_id,
        is_first=False,
        url=checked,
        events=topics,
        description=description,
        max_updates=max_updates,
    )


async def find(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """One of the tenant's endpoints; raises NoSuchEndpoint."""
    return _known(await repository.find(connection, tenant_id, endpoint_id))


async def all_of(connection: AsyncConnection, tenant_id: UUID) -> list[EndpointRow]:
    """The tenant's endpoints, that of `/v1/callback` first."""
    return await repository.of_tenant(connection, tenant_id)


async def change(
    connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID, changes: Changes, *, rules: AddressRules
) -> EndpointRow:
    """Change what is given; a new address is called at once with what waits. Enables nothing."""
    row = await find(connection, tenant_id, endpoint_id)
    url = check_url(changes["url"], rules=rules) if "url" in changes else row.url
    events = changes.get("events", row.events)
    changed = await repository.change(
        connection,
        row,
        url=url,
        events=None if events is None else check_filter(events),
        description=changes.get("description", row.description),
        max_updates=changes.get("max_updates", row.max_updates),
    )
    if url != row.url:
        await hurry(connection, [endpoint_id])
    return _known(changed)


async def enable(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """Call the endpoint again, at once with what waits."""
    row = _known(await repository.enable(connection, tenant_id, endpoint_id))
    await hurry(connection, [endpoint_id])
    return row


async def disable(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """Call the endpoint no more; its facts wait for seven days."""
    row = await find(connection, tenant_id, endpoint_id)
    if row.url is None:
        raise EndpointNotActive("this endpoint has no URL yet, so it is not called: there is nothing to disable")
    return _known(await repository.disable(connection, tenant_id, endpoint_id))


async def rotate(
    connection: AsyncConnection, keyring: Keyring, tenant_id: UUID, endpoint_id: UUID, *, overlap_hours: int
) -> NewEndpoint:
    """Give the endpoint a new secret; the old one signs as well for so many hours. Raises RotationUnderWay."""
    row = await find(connection, tenant_id, endpoint_id)
    secret = await new_secret(keyring, tenant_id, endpoint_id)
    rotated = await repository.rotate(
        connection,
        tenant_id,
        endpoint_id,
        secret=secret.sealed,
        secret_hint=secret.hint,
        overlap_seconds=overlap_hours * HOUR_SECONDS,
    )
    if rotated is None:
        raise RotationUnderWay(
            f"the secret before the present one signs until {row.old_secret_until:%Y-%m-%dT%H:%M:%SZ}: POST"
            " :confirm-secret when the new one is in place, or rotate with overlap_hours 0, which ends old ones now"
        )
    return NewEndpoint(rotated, secret.text)


async def confirm_secret(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """The tenant checks with the new secret: the old one signs no more."""
    return _known(await repository.end_overlap(connection, tenant_id, endpoint_id))


async def active(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """One of the tenant's endpoints that is being called; raises EndpointNotActive."""
    row = await find(connection, tenant_id, endpoint_id)
    if row.url is None or row.disabled_at is not None:
        raise EndpointNotActive("this endpoint is not called: give it a URL, or POST :enable, first")
    return row


async def remove(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> None:
    """Forget the endpoint and what waits for it; raises FirstEndpointStays, NoSuchEndpoint."""
    if (await find(connection, tenant_id, endpoint_id)).is_first:
        raise FirstEndpointStays("this is the endpoint of /v1/callback and stays: POST :disable stops its calls")
    await repository.remove(connection, tenant_id, endpoint_id)


async def hurry(connection: AsyncConnection, endpoint_ids: Sequence[UUID]) -> None:
    """Try at once what waits for another attempt at these endpoints, the oldest first."""
    await repository.hurry(connection, endpoint_ids)


async def _add(
    connection: AsyncConnection,
    keyring: Keyring,
    tenant_id: UUID,
    *,
    is_first: bool,
    url: str | None,
    events: list[str] | None = None,
    description: str | None = None,
    max_updates: int = UPDATES_MAX,
) -> NewEndpoint:
    endpoint_id = uuid7()
    secret: NewSecret = await new_secret(keyring, tenant_id, endpoint_id)
    row = await repository.add(
        connection,
        endpoint_id=endpoint_id,
        tenant_id=tenant_id,
        is_first=is_first,
        url=url,
        events=events,
        description=description,
        max_updates=max_updates,
        secret=secret.sealed,
        secret_hint=secret.hint,
    )
    return NewEndpoint(row, secret.text)


def _known(row: EndpointRow | None) -> EndpointRow:
    if row is None:
        raise NoSuchEndpoint
    return row
