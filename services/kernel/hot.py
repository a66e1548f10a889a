"""The short way to a busy route: matched and answered before middleware, routing and request objects (hot path).

Middleware, routing and Starlette's objects cost more than what a hot door does itself. A route of this kind is asked
first, gets the bare ASGI scope, and sees to its own bounds: the length of the body above all.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import Counter, Histogram
from starlette.datastructures import State
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from services.kernel import metrics
from services.kernel.answers import error_response
from services.kernel.bunches import Bunches
from services.kernel.errors import TooLarge
from services.kernel.proxies import TrustedProxies

Header = tuple[bytes, bytes]

TRANSPORT = "vestnik.transport"  # in a scope: the server's side of the connection
CLIENT_GONE = 499  # nobody is there to be answered; only metrics see it
CLOSE = (b"connection", b"close")
BUNCH_SECONDS = 0.02  # the most that a request waits for company; the doors' batches gather as long, or longer
_SERIES_MAX = 4_096


class ClientGone(Exception):
    """The caller hung up in the middle of its body."""


class Answer(NamedTuple):
    """A whole response: its headers are complete."""

    status: int
    headers: Sequence[Header]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"


class HotRoute(NamedTuple):
    """A POST: `path` is its template, as Starlette and metrics name it; `handle` gets the application's state."""

    path: str
    matches: Callable[[str], object]
    handle: Callable[[State, Scope, Receive], Awaitable[Answer]]


class HotApp(FastAPI):
    """An application that asks its hot routes first; they stand in its route table too, for 405 and for readers."""

    def __init__(self, title: str, proxies: TrustedProxies) -> None:
        super().__init__(title=title, openapi_url=None, docs_url=None, redoc_url=None)
        self.bunches = Bunches(BUNCH_SECONDS, lambda: self._under_way > 0)
        self._hot: list[HotRoute] = []
        self._under_way = 0
        self._proxies = proxies

    def add_hot_route(self, route: HotRoute) -> None:
        async def endpoint(request: Request) -> Response:
            return response_of(await route.handle(request.app.state, request.scope, request.receive))

        self.router.routes.insert(len(self._hot), Route(route.path, endpoint, methods=["POST"]))
        self._hot.append(route)

    def route_of(self, path: str) -> HotRoute | None:
        """The hot route of a POST."""
        for route in self._hot:
            if route.matches(path):
                return route
        return None

    async def answer(self, route: HotRoute, scope: Scope, receive: Receive) -> Answer:
        """What a hot route answers, whatever happens; counted and timed."""
        self._proxies.place_caller(scope)
        began, status = perf_counter(), 500
        self._under_way += 1
        try:
            answer = await _answered(route, self.state, scope, receive)
            status = answer.status
            return answer
        finally:
            self._under_way -= 1
            count_request(route.path, "POST", status, perf_counter() - began)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI: requests that the server does not bring to `answer` itself, hot ones with a long body among them."""
        route = self.route_of(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if route is not None:
            answer = await self.answer(route, scope, receive)
            if answer.status != CLIENT_GONE:
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                await send({"type": "http.response.body", "body": answer.body})
            return
        if scope["type"] == "http":
            self._proxies.place_caller(scope)
        await super().__call__(scope, receive, send)


async def _answered(route: HotRoute, state: State, scope: Scope, receive: Receive) -> Answer:
    try:
        return await route.handle(state, scope, receive)
    except ClientGone:
        return Answer(CLIENT_GONE, (), b"")
    except Exception as error:  # what Starlette's outermost middleware does for every other route
        return answer_of(error_response(error), is_closing=isinstance(error, TooLarge))


def first_values(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """The first value of every header; shorter than `headers` where one was given twice."""
    return dict(reversed(headers))


def one_value(headers: Sequence[Header], firsts: dict[bytes, bytes], name: bytes) -> str | None:
    """The value of a header; several become one that no rule allows."""
    value = firsts.get(name)
    if value is None:
        return None
    if len(firsts) != len(headers):
        value = b"\n".join(given for one, given in headers if one == name)
    return value.decode("latin-1")


def check_length(firsts: dict[bytes, bytes], bytes_max: int) -> None:
    """Refuse a declared length over the limit before the body is read; raises TooLarge."""
    declared = firsts.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > bytes_max:
        raise too_large(bytes_max)


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """The whole body; raises TooLarge as soon as it is longer than the limit, ClientGone where it has no end."""
    message = await receive()
    body = _piece(message)
    if message.get("more_body", False):
        body = await _read_on(receive, bytearray(body), bytes_max)
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body


async def _read_on(receive: Receive, body: bytearray, bytes_max: int) -> bytes:
    is_whole = False
    while not is_whole and len(body) <= bytes_max:
        message = await receive()
        body += _piece(message)
        is_whole = not message.get("more_body", False)
    return bytes(body)


def _piece(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = message.get("body", b"")
    return piece


def too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"the body is larger than {bytes_max} bytes; send less in one request")


def answer_of(response: Response, *, is_closing: bool = False) -> Answer:
    """A response of the framework, for what is answered seldom; `is_closing` where the body was not read."""
    headers = [*response.raw_headers, CLOSE] if is_closing else response.raw_headers
    return Answer(response.status_code, headers, bytes(response.body))


def response_of(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count and time one request by its route template."""
    requests, durations = _series(route, method, status)
    requests.inc()
    durations.observe(seconds)


@lru_cache(maxsize=_SERIES_MAX)
def _series(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """The series themselves: finding them by their labels costs more than counting."""
    return metrics.HTTP_REQUESTS.labels(route, method, str(status)), metrics.HTTP_SECONDS.labels(route)
