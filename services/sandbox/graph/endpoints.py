"""Meta's `POST /{version}/{phone_number_id}/messages` as a plain Starlette route (hot path)."""

import re
import time

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.sandbox.graph.connection import KEY
from services.sandbox.graph.service import RESET, Answer, Request, handle
from services.sandbox.refusals import GraphError
from services.sandbox.world import World

BODY_MAX_BYTES = 1 << 20  # a message is some kilobytes; media travel by id
_PATH = re.compile(r"/v\d{1,3}\.\d{1,2}/(\d{1,20})/messages")
_UNKNOWN_PATH = GraphError(100, "Unsupported post request: the path is /vNN.N/{phone_number_id}/messages.")


class MessagesDoor:
    """An ASGI application, so that nothing stands between the server and the decision."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.time()
        path = _PATH.fullmatch(scope["path"])
        body = await _body(receive)
        if path is None or body is None:
            answer = Answer(_UNKNOWN_PATH.status, _UNKNOWN_PATH.body())
        else:
            answer = await handle(self._world, Request(path.group(1), _token(scope), body, arrived))
        if answer is RESET:
            await scope[KEY].reset()
        else:
            await _respond(send, answer)


def route(world: World) -> Route:
    return Route("/{version}/{phone_number_id}/messages", MessagesDoor(world), methods=["POST"])


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is too large or its sender left."""
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if size > BODY_MAX_BYTES:
            return None
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


def _token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
    return ""


async def _respond(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
