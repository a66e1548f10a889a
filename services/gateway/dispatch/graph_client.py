"""One call to Meta's Graph API, and what it certainly did or did not do (hot path)."""

import time
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple

import aiohttp
import msgspec

GRAPH_VERSION = "v23.0"
CALL_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 1.0
ANSWER_BYTES_MAX = 256 * 1024
CODE_MAX = 2**31 - 1  # what a column of codes holds; Meta's have up to seven digits
# Shorter than Meta's own, so that we rarely write into a connection that is being closed.
KEEP_ALIVE_SECONDS = 15.0


class Accepted(NamedTuple):
    """Meta took the message."""

    wamid: str


class Refused(NamedTuple):
    """Meta answered with its own error; its code says whether the message may be on its way."""

    code: int


class NotSent(NamedTuple):
    """No byte of the request was written."""

    why: str


class Ambiguous(NamedTuple):
    """Bytes were written and no answer of Meta's came: it may have been sent."""

    why: str


Answer = Accepted | Refused | NotSent | Ambiguous


class _Message(msgspec.Struct):
    id: str


class _Error(msgspec.Struct):
    code: Annotated[int, msgspec.Meta(ge=-CODE_MAX, le=CODE_MAX)]


class _Body(msgspec.Struct):
    messages: list[_Message] = []
    error: _Error | None = None


class DeadlinePassed(Exception):
    """The moment before which the call had to begin is over."""


async def _begin(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    if time.monotonic() > context.trace_request_ctx["start_before"]:
        raise DeadlinePassed
    context.trace_request_ctx["is_written"] = True


def _trace() -> aiohttp.TraceConfig:
    # aiohttp says "headers sent" right before it writes them to the connection that it has: the last moment to think
    # again (a frozen process wakes before it), and the first from which something may have been sent.
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_begin)
    return trace


class GraphClient:
    """Posts messages to `base_url`; never repeats a request by itself and follows no redirect."""

    def __init__(self, base_url: str, *, connections_max: int, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections_max, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60
            ),
            # `connect` counts the wait for one of `connections_max`, too: by then the call must have begun, and who
            # waits longer holds a place in the window for nothing.
            timeout=aiohttp.ClientTimeout(
                total=timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[_trace()],
            trust_env=False,
        )
        self._decoder = msgspec.json.Decoder(_Body)

    async def close(self) -> None:
        await self._session.close()

    async def send(self, *, phone_number_id: str, access_token: str, body: bytes, start_before: float) -> Answer:
        """Post one message; `start_before` is a time.monotonic() before which the first byte must be written."""
        progress: dict[str, Any] = {"start_before": start_before, "is_written": False}
        try:
            async with self._session.post(
                f"{self._base_url}/{GRAPH_VERSION}/{phone_number_id}/messages",
                data=body,
                headers={"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"},
                allow_redirects=False,
                trace_request_ctx=progress,
            ) as response:
                return self._read(await _body_of(response))
        except DeadlinePassed:
            return NotSent("deadline")
        except (aiohttp.ClientError, OSError) as error:  # OSError includes TimeoutError
            kind = type(error).__name__
            return Ambiguous(kind) if progress["is_written"] else NotSent(kind)

    def _read(self, body: bytes | bytearray) -> Answer:
        try:
            answer = self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return Ambiguous("not Graph JSON")
        if answer.error is not None:
            return Refused(answer.error.code)
        return Accepted(answer.messages[0].id) if answer.messages else Ambiguous("no message id")


async def _body_of(response: aiohttp.ClientResponse) -> bytearray:
    """The whole body, which may come in pieces; of one that is too long only the beginning, which is no JSON."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            break
    return body
