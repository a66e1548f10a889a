"""The HTTP server's protocol with bounds on what a client may send, and on how slowly (uvicorn has none of its own)."""

import asyncio
import re
from typing import cast

from starlette.types import Scope
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.kernel import metrics
from services.kernel.exchanges import Exchange
from services.kernel.hot import TRANSPORT, Header, HotApp

HEADER_BYTES_MAX = 32 * 1024  # request line and headers of one request; real clients need 2 KB
HEADERS_SECONDS_MAX = 15.0  # from a request's first byte to the end of its headers
SILENT_SECONDS_MAX = 75.0  # a connection on which nothing was ever asked
BODY_BYTES_A_SECOND_MIN = 500  # slower than a bad mobile network
INSPECT_SECONDS = 5.0
LINGER_SECONDS = 1.0  # a connection that is closed on unread bytes is reset, and the refusal is lost with it

_PLAIN_PATH = re.compile(rb"/[A-Za-z0-9/._~:-]*")  # nothing in it to decode, and no query

_TOO_LARGE = "431 Request Header Fields Too Large"
_TIMEOUT = "408 Request Timeout"


class HeadersTooLarge(ValueError):
    """Stops the parser; the connection is answered and closed."""


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol; each connection is looked at every few seconds, so that a request costs no timer."""

    header_bytes_max = HEADER_BYTES_MAX
    headers_seconds_max = HEADERS_SECONDS_MAX
    silent_seconds_max = SILENT_SECONDS_MAX
    body_bytes_a_second_min = BODY_BYTES_A_SECOND_MIN
    inspect_seconds = INSPECT_SECONDS
    linger_seconds = LINGER_SECONDS

    _inspection: asyncio.TimerHandle | None = None
    _waits_for = "request"  # or headers, body, answer; "nothing" once it was refused
    _since = 0.0
    _header_bytes = 0
    _body_bytes = 0  # since the last look
    _steps = 0  # whatever the parser has said
    _unsaid_bytes = 0  # what it has swallowed since: it keeps a header, or a trailer, until that one's end
    _held = b""  # received, and not read yet
    _hot: HotApp | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn's own narrowing: it is a Transport
        self._hot = self.app if isinstance(self.app, HotApp) else None
        self._wait_for("request")
        self._inspection = self.loop.call_later(self.inspect_seconds, self._inspect)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.read_held()
        self._held = b""  # of a connection that we closed ourselves: who was told so may send it again
        if self._inspection is not None:
            self._inspection.cancel()
        if isinstance(self.cycle, Exchange):
            self._outlive(self.cycle)
        super().connection_lost(exc)

    def eof_received(self) -> None:
        self.read_held()  # what was received whole is done, though its answer will not arrive

    def _outlive(self, exchange: Exchange) -> None:
        """The connection goes; what it has begun is still waited for when the process stops."""
        if exchange.task is None:
            exchange.count_gone()
        elif not exchange.task.done():
            self.tasks.add(exchange.task)
            exchange.task.add_done_callback(self.tasks.discard)

    def data_received(self, data: bytes) -> None:
        if self._hot is None:
            self._read(data)
        elif not self._held:
            self._held = data
            self._hot.bunches.add(self, self.loop)
        else:
            self._held += data
            if len(self._held) > HIGH_WATER_LIMIT:
                self.read_held()

    def read_held(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._read(held)

    def _read(self, data: bytes) -> None:
        if self._waits_for == "nothing":
            return
        steps = self._steps
        super().data_received(data)
        self._unsaid_bytes = self._unsaid_bytes + len(data) if self._steps == steps else 0
        if self._unsaid_bytes > self.header_bytes_max and self._waits_for != "nothing":
            self._refuse_size()

    def on_message_begin(self) -> None:
        """As uvicorn's own, but for the scope: that is made when its last values are known."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._header_bytes = 0
        self._wait_for("headers")

    def on_url(self, url: bytes) -> None:
        self._steps += 1
        self._header_bytes += len(url)
        if self._header_bytes > self.header_bytes_max:
            raise HeadersTooLarge
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Uvicorn's own, written out: it is called for every header of every request (hot path)."""
        self._steps += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > self.header_bytes_max:
            raise HeadersTooLarge
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._body_bytes = 0
        self._wait_for("body")
        self.scope = cast(HTTPScope, self._scope())
        if self._hot is None or not self._begin_exchange(self._hot):
            super().on_headers_complete()

    def _scope(self) -> Scope:
        """What uvicorn prepares; it adds method, path and query of what goes its way."""
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": self.headers,
            "state": self.app_state.copy(),
            TRANSPORT: self.transport,
        }

    def _begin_exchange(self, app: HotApp) -> bool:
        """The short way, for the plain request of a hot route; anything unusual about it takes uvicorn's own."""
        parser, url = self.parser, self.url
        is_plain = (
            (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
            and _PLAIN_PATH.fullmatch(url)
        )
        path = url.decode("ascii") if is_plain else ""
        route = app.route_of(path) if is_plain else None
        if route is None:
            return False
        scope = {**self.scope, "method": "POST", "path": path, "raw_path": url, "query_string": b""}
        exchange = Exchange(self, app, route, scope, keep_alive=parser.should_keep_alive())
        self.cycle = exchange  # type: ignore[assignment]  # it does what is asked of a cycle
        self.headers = []  # trailers are no headers
        return True

    def on_body(self, body: bytes) -> None:
        self._steps += 1
        self._body_bytes += len(body)
        exchange = self.cycle
        if not isinstance(exchange, Exchange) or exchange.task is not None:
            super().on_body(body)
        elif exchange.add(body) > HIGH_WATER_LIMIT:  # a long body is read by whoever wants it, at its own pace
            self.cycle = None
            super().on_headers_complete()
            super().on_body(exchange.take_body())

    def on_message_complete(self) -> None:
        if isinstance(self.cycle, Exchange) and self.cycle.task is None:
            self.cycle.start()
        else:
            super().on_message_complete()
        self._wait_for("request" if self.cycle.response_complete else "answer")

    def on_response_complete(self) -> None:
        """As uvicorn's own, but for the timer of an idle connection: `_inspect` sees to it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._waits_for == "answer":
            self._wait_for("request")

    def shutdown(self) -> None:
        self.read_held()
        super().shutdown()

    @property
    def default_headers(self) -> list[Header]:
        return self.server_state.default_headers

    def send_400_response(self, msg: str) -> None:
        """What the parser refused: too much of it, or no HTTP."""
        if self._header_bytes > self.header_bytes_max:
            self._refuse_size()
        else:
            self._refuse("400 Bad Request", "this is no HTTP/1.1 request")

    def _wait_for(self, what: str) -> None:
        self._steps += 1
        self._waits_for, self._since = what, self.loop.time()

    def _inspect(self) -> None:
        if self.transport.is_closing():
            return
        self._inspection = self.loop.call_later(self.inspect_seconds, self._inspect)
        self.read_held()  # a connection on which a request has come is not idle
        waited = self.loop.time() - self._since
        if self._waits_for == "headers" and waited > self.headers_seconds_max:
            self._refuse(_TIMEOUT, "send the headers of a request without pauses")
        elif self._waits_for == "request" and waited > self._idle_seconds_max:
            self.transport.close()
        elif self._waits_for == "body" and waited > self.inspect_seconds:
            self._inspect_body()

    @property
    def _idle_seconds_max(self) -> float:
        return self.silent_seconds_max if self.cycle is None else self.timeout_keep_alive

    def _inspect_body(self) -> None:
        """A body that we ourselves do not read just now is not slow."""
        is_slow = self._body_bytes < self.body_bytes_a_second_min * self.inspect_seconds
        self._body_bytes = 0
        if is_slow and not self.flow.read_paused:
            self._refuse(_TIMEOUT, "send the body of a request without pauses")

    def _refuse_size(self) -> None:
        self._refuse(_TOO_LARGE, f"send at most {self.header_bytes_max} bytes of headers")

    def _refuse(self, status: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        metrics.CONNECTIONS_REFUSED.labels(status[:3]).inc()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_answer(status, detail))
        self._wait_for("nothing")
        self.loop.call_later(self.linger_seconds, self.transport.close)


def _answer(status: str, detail: str) -> bytes:
    """A whole response; what it answers was never understood, so no application is asked."""
    number = status[:3]
    problem = f'{{"type":"urn:vestnik:problem:refused","title":"refused","status":{number},"detail":"{detail}"}}'
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: application/problem+json",
        f"content-length: {len(problem)}",
        "connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + problem).encode()
