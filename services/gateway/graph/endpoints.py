"""The send door in Meta's shape, for one message and for many: plain Starlette routes (hot path)."""

import re

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as SendMessage

from services.gateway.graph import batches
from services.gateway.graph.answers import failure, success
from services.gateway.graph.batches import Batches
from services.gateway.graph.decoding import too_large
from services.gateway.graph.errors import GraphError
from services.gateway.graph.limits import BODY_BYTES_MAX
from services.gateway.graph.options import price_of, read_expiry, read_key
from services.gateway.graph.schemas import read_request
from services.gateway.graph.sends import Posting, ReadMark
from services.gateway.graph.service import Door
from services.gateway.tenants.authentication import visit_of
from services.kernel.http import BODY_BYTES_MAX_OF_SCOPE, problem

BATCH_PATH = "/v1/messages:batch"
EXPIRES_IN = "X-Vestnik-Expires-In"
MAX_PRICE = "X-Vestnik-Max-Price"

# What a refusal of a whole batch is called: that route answers in the house's own shape, its results in Meta's.
_PROBLEMS = {
    400: (422, "invalid"),
    401: (401, "unauthorized"),
    403: (403, "forbidden"),
    429: (429, "too_many_requests"),
    503: (503, "unavailable"),
}
_DOOR = re.compile(r"/v[0-9]{1,3}\.[0-9]{1,2}/[^/]+/messages")
_encode = msgspec.json.Encoder().encode


class GraphVersion(Convertor[str]):
    """Any version of the Graph API in a path: the shape of our answers does not depend on it."""

    regex = r"v[0-9]{1,3}\.[0-9]{1,2}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("graph_version", GraphVersion())


async def post_message(request: Request) -> Response:
    """Meta's success shape with our id, given after Kafka's acknowledgement; every refusal in Meta's envelope."""
    try:
        return await _post(request)
    except GraphError as error:
        return refusal(error)


async def _post(request: Request) -> Response:
    door: Door = request.app.state.door
    principal = await door.enter(visit_of(request))
    phone_number_id: str = request.path_params["phone_number_id"]
    idempotency_key = read_key(_one(request, "Idempotency-Key"), "Idempotency-Key")
    expires_in_seconds = read_expiry(_one(request, EXPIRES_IN), EXPIRES_IN)
    read = read_request(await _body(request))
    if isinstance(read, ReadMark):
        await door.mark_read(principal, phone_number_id, read)
        return _json({"success": True})
    if (max_price := price_of(_one(request, MAX_PRICE), MAX_PRICE)) is not None and read.max_price_micros is None:
        read = msgspec.structs.replace(read, max_price_micros=max_price)
    message_id = await door.accept(principal, Posting(phone_number_id, read, idempotency_key, expires_in_seconds))
    return _json(success(read, str(message_id)))


async def post_batch(request: Request) -> Response:
    """`{"results": [...]}` in the order of the messages, 200 also where all were refused."""
    door: Door = request.app.state.door
    shelf: Batches = request.app.state.batches
    try:
        principal = await door.admit(visit_of(request))
        with shelf.room(principal.tenant_id):
            results = await shelf.post(principal, await request.body())
    except GraphError as error:
        status, code = _PROBLEMS[error.status]
        return problem(status, code, error.message, retry_after_seconds=error.retry_after_seconds)
    return _json({"results": results})


def refusal(error: GraphError) -> Response:
    """Any refusal in Meta's envelope."""
    response = _json(failure(error), error.status)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(_encode(content), status, media_type="application/json")


def _one(request: Request, name: str) -> str | None:
    """The value of a header; several become one that no rule allows."""
    values = request.headers.getlist(name)
    return None if not values else values[0] if len(values) == 1 else "\n".join(values)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise too_large()
    return bytes(body)


class DoorLimit:
    """Answers a declared length over the door's limit in Meta's envelope; lets batches be longer than other bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] == "http" and scope["path"] == BATCH_PATH:
            scope[BODY_BYTES_MAX_OF_SCOPE] = batches.BYTES_MAX
        elif scope["type"] == "http" and scope["path"].endswith("/messages") and _DOOR.fullmatch(scope["path"]):
            length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
            if length.isdigit() and int(length) > BODY_BYTES_MAX:
                return await refusal(too_large())(scope, receive, send)
            scope[BODY_BYTES_MAX_OF_SCOPE] = batches.BYTES_MAX  # one piece of an undeclared length may hold more
        return await self._app(scope, receive, send)


routes = [
    Route("/{version:graph_version}/{phone_number_id}/messages", post_message, methods=["POST"]),
    Route(BATCH_PATH, post_batch, methods=["POST"]),
]
