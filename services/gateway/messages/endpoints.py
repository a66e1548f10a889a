"""A tenant asks about a message."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request

from services.gateway.contents import service as contents
from services.gateway.messages import schemas, service
from services.gateway.messages.errors import MessageNotFound
from services.gateway.tenants.authentication import Tenant

# An accepted message is stored a moment after its acceptance; a tenant that asks at once should not be told 404.
PROJECTION_PATIENCE_SECONDS = 1.0
PROJECTION_POLL_SECONDS = 0.05

router = APIRouter(prefix="/v1/messages", tags=["messages"])


@router.get("/{message_id}")
async def get_message(message_id: str, tenant: Tenant, request: Request) -> schemas.Message:
    """One message with its state, price, decision trace and history.

    404 after at most one second for an id that does not exist or belongs to another tenant.
    """
    id_ = _parse(message_id)
    deadline = asyncio.get_running_loop().time() + PROJECTION_PATIENCE_SECONDS - PROJECTION_POLL_SECONDS
    while True:
        try:
            async with request.app.state.database.transaction() as connection:
                row = await service.find(connection, tenant_id=tenant.tenant_id, message_id=id_)
                trace = await contents.trace(connection, tenant_id=tenant.tenant_id, message_id=id_)
                return schemas.message(row, trace)
        except MessageNotFound:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(PROJECTION_POLL_SECONDS)


def _parse(message_id: str) -> UUID:
    try:
        return UUID(message_id)
    except ValueError:
        raise MessageNotFound from None
