"""The HTTP server's protocol with bounds on what a client may send, and on how slowly (uvicorn has none of its own)."""

import asyncio
from collections.abc import Collection
from functools import partial

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from services.kernel import metrics

HEADER_BYTES_MAX = 32 * 1024  # request line and headers of one request; real clients need 2 KB
HEADERS_SECONDS_MAX = 15.0  # from a request's first byte to the end of its headers
SILENT_SECONDS_MAX = 75.0  # a connection on which nothing was ever asked
BODY_BYTES_A_SECOND_MIN = 500  # slower than a bad mobile network
INSPECT_SECONDS = 5.0
LINGER_SECONDS = 1.0  # a connection that is closed on unread bytes is reset, and the refusal is lost with it

WHOLE_ANSWERS = "vestnik.whole_answers"  # an extension of the ASGI scope: (status, headers, body) -> whether written

CLOSE = (b"connection", b"close")

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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn's own narrowing: it is a Transport
        self._wait_for("request")
        self._inspection = self.loop.call_later(self.inspect_seconds, self._inspect)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inspection is not None:
            self._inspection.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waits_for == "nothing":
            return
        steps = self._steps
        super().data_received(data)
        self._unsaid_bytes = self._unsaid_bytes + len(data) if self._steps == steps else 0
        if self._unsaid_bytes > self.header_bytes_max and self._waits_for != "nothing":
            self._refuse_size()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._wait_for("headers")

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

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
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # its task has not begun yet
            self.scope["extensions"] = {WHOLE_ANSWERS: partial(_write_whole, self.cycle)}  # type: ignore[dict-item]  # ours

    def on_body(self, body: bytes) -> None:
        self._steps += 1
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._wait_for("answer")

    def send_400_response(self, msg: str) -> None:
        """What the parser refused: too much of it, or no HTTP."""
        if self._header_bytes > self.header_bytes_max:
            self._refuse_size()
        else:
            self._refuse("400 Bad Request", "this is no HTTP/1.1 request")

    def _count(self, size: int) -> None:
        self._steps += 1
        self._header_bytes += size
        if self._header_bytes > self.header_bytes_max:
            raise HeadersTooLarge

    def _wait_for(self, what: str) -> None:
        self._steps += 1
        self._waits_for, self._since = what, self.loop.time()

    def _inspect(self) -> None:
        if self.transport.is_closing():
            return
        self._inspection = self.loop.call_later(self.inspect_seconds, self._inspect)
        waited = self.loop.time() - self._since
        if self._waits_for == "headers" and waited > self.headers_seconds_max:
            self._refuse(_TIMEOUT, "send the headers of a request without pauses")
        elif self._waits_for == "request" and waited > self.silent_seconds_max:
            self.transport.close()
        elif self._waits_for == "body" and waited > self.inspect_seconds:
            self._inspect_body()

    def _inspect_body(self) -> None:
        """A body that we ourselves do not read just now is not slow."""
        is_slow = self._body_bytes < self.body_bytes_a_second_min * self.inspect_seconds
        self._body_bytes = 0
        if is_slow and not self.flow.read_paused:
            self._refuse(_TIMEOUT, "send the body of a request without pauses")

    def _refuse_size(self) -> None:
        self._refuse(_TOO_LARGE, f"send at most {self.header_bytes_max} bytes of headers")

    def _refuse(self, status: str, detail: str) -> None:
        metrics.CONNECTIONS_REFUSED.labels(status[:3]).inc()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_answer(status, detail))
        self._wait_for("nothing")
        self.loop.call_later(self.linger_seconds, self.transport.close)


def _write_whole(
    cycle: RequestResponseCycle, status: int, headers: Collection[tuple[bytes, bytes]], body: bytes
) -> bool:
    """A response in one write, without the checks of headers that we have made ourselves (hot path).

    Nothing is written, and False returned, where the ordinary way must be gone: a client that reads slowly, or is gone.
    `headers` must hold the content length.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    cycle.response_started, cycle.response_complete, cycle.waiting_for_100_continue = True, True, False
    cycle.keep_alive = cycle.keep_alive and CLOSE not in headers
    lines = [b"%b: %b\r\n" % header for header in (*cycle.default_headers, *headers)]
    closing = b"" if cycle.keep_alive or CLOSE in headers else b"connection: close\r\n"
    cycle.transport.write(b"".join((STATUS_LINE[status], *lines, closing, b"\r\n", body)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


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
