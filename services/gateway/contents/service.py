"""Keeping and giving the contents of messages (hot path)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import repository
from services.kernel.contracts.messages import MessageAccepted


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
