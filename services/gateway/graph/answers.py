"""Answers of the door in Meta's shape, as they stand in a response or in one result of a batch (hot path)."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from services.gateway.graph.errors import GraphError
from services.gateway.graph.metrics import REFUSED
from services.gateway.graph.sends import Send
from services.kernel.hot import Answer, Header, response_of

TRACE_BYTES = 12

_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


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


def refusal(error: GraphError) -> Response:
    """Any refusal in Meta's envelope, for a route of the framework."""
    return response_of(refused(error))


def refused(error: GraphError, more: Sequence[Header] = ()) -> Answer:
    """The same for a hot route, with `more` headers."""
    seconds = error.retry_after_seconds
    headers = more if seconds is None else [(b"retry-after", b"%d" % seconds), *more]
    return as_json(failure(error), headers, error.status)


def as_json(content: dict[str, Any], more: Sequence[Header], status: int = 200) -> Answer:
    """A whole answer with `more` headers."""
    body = _encode(content)
    return Answer(status, [(b"content-length", b"%d" % len(body)), _JSON, *more], body)
