"""Keeping and giving the contents of messages (hot path)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import repository
from services.kernel.contracts.clearances import MessageCleared, MessageRefused
from services.kernel.contracts.messages import MessageAccepted


async def keep_bodies(connection: AsyncConnection, events: Sequence[MessageAccepted]) -> None:
    """Keep the sealed requests; the first stays."""
    columns = {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.message_id for event in events],
        "bodies": [event.body for event in events],
    }
    await repository.keep_bodies(connection, columns)


async def keep_traces(connection: AsyncConnection, events: Sequence[MessageCleared | MessageRefused]) -> None:
    """Keep why each message was let pass or refused; the first word stays."""
    if not events:
        return
    columns = {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.message_id for event in events],
        "traces": [msgspec.json.encode(event.trace).decode() for event in events],
    }
    await repository.keep_traces(connection, columns)


async def bodies(connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]) -> dict[UUID, bytes]:
    """The sealed send requests of messages, by message id; one that is not stored yet is missing."""
    return await repository.bodies(connection, tenant_ids, message_ids)


async def trace(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> list[dict[str, Any]]:
    """Every rule that was asked about a message; empty before consent has spoken."""
    return await repository.trace(connection, tenant_id=tenant_id, id_=message_id) or []
