"""Answers of the door in Meta's shape, as they stand in a response or in one result of a batch (hot path)."""

import secrets
from typing import Any

from services.gateway.graph.errors import GraphError
from services.gateway.graph.metrics import REFUSED
from services.gateway.graph.sends import Send

TRACE_BYTES = 12


def success(send: Send, message_id: str) -> dict[str, Any]:
    """Meta's success shape with our id; who is known by a user id has no `wa_id`."""
    contact = {"input": send.to}
    if send.phone is not None:
        contact["wa_id"] = send.phone.removeprefix("+")
    else:
        contact["user_id"] = send.to
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message_id}]}


def failure(error: GraphError) -> dict[str, Any]:
    """Meta's envelope; counts the refusal."""
    REFUSED.labels(str(error.graph_code)).inc()
    return error.envelope(secrets.token_urlsafe(TRACE_BYTES))
