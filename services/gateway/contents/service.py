"""Keeping, giving and opening the contents of messages (hot path)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import repository
from services.gateway.keys.service import Keyring
from services.gateway.places import message_body
from services.kernel import crypto
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.crypto.places import inbound_content


async def keep_bodies(connection: AsyncConnection, events: Sequence[MessageAccepted]) -> None:
    """Keep the sealed requests, each in the transaction that first stores its message."""
    if not events:
        return
    columns = {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.message_id for event in events],
        "bodies": [event.body for event in events],
    }
    await repository.keep_bodies(connection, columns)


async def bodies(connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]) -> dict[UUID, bytes]:
    """The sealed send requests of messages, by message id; one that is not stored yet is missing."""
    return await repository.bodies(connection, tenant_ids, message_ids)


async def open_body(keyring: Keyring, tenant_id: UUID, message_id: str, sealed: bytes) -> bytes:
    """A send request as it was accepted; raises CannotOpen, NoSuchKey, Unavailable."""
    key = await keyring.opening_key(tenant_id, "messages", crypto.sealed_key_id(sealed))
    return crypto.open_sealed(key, message_body(tenant_id, message_id), sealed)


async def open_inbound(keyring: Keyring, tenant_id: UUID, inbound_id: str, sealed: bytes) -> bytes:
    """A person's message, JSON {"message", "contact"}, as webhook sealed it to the tenant; raises as `open_body`."""
    private_key = await keyring.box_private_key(tenant_id)
    return crypto.open_box(private_key, inbound_content(inbound_id), sealed)
