"""Callback endpoints of tenants, and the queue of facts that they have not been told yet."""

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import repository
from services.gateway.callbacks.addresses import is_allowed
from services.gateway.callbacks.errors import BadCallbackUrl
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.urls import check_url
from services.gateway.keys.service import Keyring
from services.kernel import crypto
from services.kernel.errors import NotFound

__all__ = [
    "PURPOSE",
    "BadCallbackUrl",
    "CallbackFact",
    "check_url",
    "create_secret",
    "endpoint",
    "enqueue",
    "is_allowed",
    "listen",
    "open_secret",
    "set_url",
    "wake",
]

PURPOSE = "callbacks"
SECRET_BYTES = 32
HINT_CHARACTERS = 4

_listeners: list[Callable[[], None]] = []  # of this process: its delivery loops


class CallbackFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something a tenant is to hear of once; `event_id` is what it sees, at every delivery.

    `content` is the JSON of what is not personal. Of a status: {"status", "pricing"?, "error": {"code", "title"}?,
    "sealed_errors"? (base64), "errors_event_id"? (whose place the errors are sealed to, if it is not `event_id`)};
    of a message: {"window_expires_at"}. `subject_id` is our message id, or our inbound id.
    """

    event_id: UUID
    tenant_id: UUID
    person: str
    phone_number_id: str
    kind: Literal["status", "message"]
    subject_id: UUID
    occurred_at: datetime
    content: bytes


async def create_secret(connection: AsyncConnection, keyring: Keyring, tenant_id: UUID) -> str:
    """Make a new tenant's callback secret, "whsec_" and base64; it is shown once and stored sealed."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    sealed = crypto.seal(await keyring.key(tenant_id, PURPOSE), _place(tenant_id), secret.encode())
    hint = "..." + secret.rstrip("=")[-HINT_CHARACTERS:]
    await repository.create_endpoint(connection, tenant_id=tenant_id, secret=sealed, secret_hint=hint)
    return secret


async def open_secret(keyring: Keyring, tenant_id: UUID, sealed: bytes) -> str:
    """The secret that signs this tenant's callbacks; raises CannotOpen."""
    key = await keyring.opening_key(tenant_id, PURPOSE, crypto.sealed_key_id(sealed))
    return crypto.open_sealed(key, _place(tenant_id), sealed).decode()


async def endpoint(connection: AsyncConnection, tenant_id: UUID) -> EndpointRow:
    """Where the tenant is called; raises NotFound for a tenant that was never given a secret."""
    return _known(await repository.find_endpoint(connection, tenant_id))


async def set_url(connection: AsyncConnection, tenant_id: UUID, url: str, *, allow_loopback: bool) -> EndpointRow:
    """Call the tenant here from now on, also with what waits; raises BadCallbackUrl."""
    checked = check_url(url, allow_loopback=allow_loopback)
    row = _known(await repository.set_url(connection, tenant_id=tenant_id, url=checked))
    await repository.hurry(connection, tenant_id)
    return row


async def enqueue(connection: AsyncConnection, facts: Sequence[CallbackFact]) -> None:
    """Queue facts in the transaction that makes them true, in the order they are to be told.

    A fact that waits already is not queued twice; one that was delivered has left the queue, so callers enqueue in
    the transaction of the fact's first sight only. Facts wait up to seven days for a callback URL.
    """
    if not facts:
        return
    columns: dict[str, list[object]] = {
        "tenant_ids": [fact.tenant_id for fact in facts],
        "event_ids": [fact.event_id for fact in facts],
        "people": [fact.person for fact in facts],
        "phone_number_ids": [fact.phone_number_id for fact in facts],
        "kinds": [fact.kind for fact in facts],
        "subject_ids": [fact.subject_id for fact in facts],
        "times": [fact.occurred_at for fact in facts],
        "contents": [fact.content for fact in facts],
    }
    await repository.enqueue(connection, columns)


def wake() -> None:
    """Facts were committed: deliver them now. Give it to a consumer as `after`; without it they wait for a poll."""
    for ring in _listeners:
        ring()


def listen(ring: Callable[[], None]) -> Callable[[], None]:
    """Have `ring` called at every `wake()` of this process; returns what ends it."""
    _listeners.append(ring)
    return lambda: _listeners.remove(ring)


def _known(row: EndpointRow | None) -> EndpointRow:
    if row is None:
        raise NotFound("this tenant has no callback secret yet: ask the operator to create one")
    return row


def _place(tenant_id: UUID) -> crypto.Place:
    return crypto.Place(tenant_id, "callback_endpoints", "secret", str(tenant_id))
