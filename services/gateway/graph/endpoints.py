"""`POST /{vNN.N}/{phone_number_id}/messages` in Meta's shape: a plain Starlette route (hot path)."""

import re
import secrets

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as SendMessage

from services.gateway.graph.errors import BodyTooLarge, GraphError, InvalidParameter
from services.gateway.graph.metrics import REFUSED
from services.gateway.graph.schemas import read_send
from services.gateway.graph.service import Door, Send

BODY_BYTES_MAX = 64 * 1024  # a text of 4,096 characters is at most 24 KB of \\u escapes; a template is smaller

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
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
    principal = await door.enter(_api_key(request))
    idempotency_key = _idempotency_key(request)
    send = read_send(await _body(request))
    message_id = await door.accept(principal, request.path_params["phone_number_id"], send, idempotency_key)
    return _json(success(send, str(message_id)))


def success(send: Send, message_id: str) -> dict[str, object]:
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": send.to, "wa_id": send.phone.removeprefix("+")}],
        "messages": [{"id": message_id}],
    }


def refusal(error: GraphError) -> Response:
    REFUSED.labels(str(error.graph_code)).inc()
    response = _json(error.envelope(secrets.token_urlsafe(12)), error.status)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(_encode(content), status, media_type="application/json")


def _api_key(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _idempotency_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _IDEMPOTENCY_KEY.fullmatch(keys[0]):
        raise InvalidParameter("Idempotency-Key must be one header of 1 to 255 printable ASCII characters.")
    return keys[0]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise too_large()
    return bytes(body)


def too_large() -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {BODY_BYTES_MAX} bytes: send less in one request.")


class DoorLimit:
    """Answers a declared length over the door's limit in Meta's envelope, before the process's own limit does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/messages") and _DOOR.fullmatch(scope["path"]):
            length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
            if length.isdigit() and int(length) > BODY_BYTES_MAX:
                return await refusal(too_large())(scope, receive, send)
        return await self._app(scope, receive, send)


routes = [Route("/{version:graph_version}/{phone_number_id}/messages", post_message, methods=["POST"])]
