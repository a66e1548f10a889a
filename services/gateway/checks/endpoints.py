"""A tenant asks whether a message would go out."""

from typing import Any

from fastapi import APIRouter, Request

from services.gateway.checks import service
from services.gateway.checks.schemas import CheckedMessage
from services.gateway.tenants.authentication import MessageSender

# The body is read by the send door's own reader: only that sees what the door would see.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CheckRequest"}}},
    }
}

router = APIRouter(prefix="/v1", tags=["messages"])


@router.post("/messages:check", summary="Check a message without sending it", openapi_extra=_BODY)
async def check_message(tenant: MessageSender, request: Request) -> CheckedMessage:
    """Whether the message would go out now, what it would cost, and every rule that was asked, in words.

    It is validated as a sending is, consent judges it and billing prices it; nothing is sent, held or kept, and
    nothing is promised: a withdrawal a moment later counts. A message that the send door itself would refuse has
    `allowed` false with the door's code, reason `invalid`, and neither window, price nor trace.
    """
    state = request.app.state
    verdict = await service.check(state.door, state.internal_clients, tenant, await request.body())
    return CheckedMessage.of(verdict)
