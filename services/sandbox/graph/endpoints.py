"""Meta's `POST /{version}/{phone_number_id}/messages` as a hot route (hot path)."""

import re
import time

from starlette.datastructures import State
from starlette.types import Receive, Scope

from services.kernel import hot
from services.kernel.errors import TooLarge
from services.kernel.hot import HotRoute
from services.sandbox.graph.connection import reset
from services.sandbox.graph.service import RESET, Answer, Request, handle
from services.sandbox.refusals import GraphError

BODY_MAX_BYTES = 1 << 20  # a message is some kilobytes; media travel by id
_PATH = re.compile(r"/v\d{1,3}\.\d{1,2}/(\d{1,20})/messages")
_UNKNOWN_PATH = GraphError(100, "Unsupported post request: the path is /vNN.N/{phone_number_id}/messages.")
_TOO_LARGE = GraphError(100, f"The body is larger than {BODY_MAX_BYTES} bytes.")


async def answer_message(state: State, scope: Scope, receive: Receive) -> hot.Answer:
    """What Meta would answer; raises ClientGone where that is a connection broken off."""
    arrived = time.time()
    path = _PATH.fullmatch(scope["path"])
    try:
        body = await hot.read_body(receive, BODY_MAX_BYTES)
    except TooLarge:
        return _written(_refusal(_TOO_LARGE), hot.CLOSE)
    if path is None:
        return _written(_refusal(_UNKNOWN_PATH))
    answer = await handle(state.world, Request(path.group(1), _token(scope), body, arrived))
    if answer is RESET:
        await reset(scope, receive)
    return _written(answer)


MESSAGES = HotRoute(
    "/{version}/{phone_number_id}/messages", re.compile(r"/[^/]+/[^/]+/messages").fullmatch, answer_message
)


def _refusal(error: GraphError) -> Answer:
    return Answer(error.status, error.body())


def _token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
    return ""


def _written(answer: Answer, *more: hot.Header) -> hot.Answer:
    length = str(len(answer.body)).encode()
    headers = ((b"content-type", answer.content_type), (b"content-length", length), *more)
    return hot.Answer(answer.status, headers, answer.body)
