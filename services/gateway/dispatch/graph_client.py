"""One call to Meta's Graph API, and what it certainly did or did not do (hot path)."""

import time
from typing import Annotated, NamedTuple

import msgspec

from services.gateway.dispatch.connections import Broken, Pool, address_of

GRAPH_VERSION = "v23.0"
CALL_TIMEOUT_SECONDS = 10.0
CODE_MAX = 2**31 - 1  # what a column of codes holds; Meta's have up to seven digits


class Accepted(NamedTuple):
    """Meta took the message."""

    wamid: str

    def __repr__(self) -> str:
        return "Accepted()"


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


class GraphClient:
    """Posts messages to `base_url`; never repeats a request by itself and follows no redirect."""

    def __init__(self, base_url: str, *, connections_max: int, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        address = address_of(base_url)
        self._pool = Pool(address, connections_max=connections_max)
        self._timeout_seconds = timeout_seconds
        self._before = f"POST {address.path}/{GRAPH_VERSION}/"
        self._after = (
            f"/messages HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: Vestnik/1\r\nAccept: application/json\r\n"
            "Accept-Encoding: identity\r\nContent-Type: application/json\r\nAuthorization: Bearer "
        )
        self._decoder = msgspec.json.Decoder(_Body)

    async def close(self) -> None:
        self._pool.close()

    async def send(self, *, phone_number_id: str, access_token: str, body: bytes, start_before: float) -> Answer:
        """Post one message; `start_before` is a time.monotonic() before which the first byte must be written."""
        if not (access_token.isascii() and access_token.isprintable()):
            return NotSent("access token")  # its bytes would end the header
        head = f"{self._before}{phone_number_id}{self._after}{access_token}\r\nContent-Length: {len(body)}\r\n\r\n"
        give_up_at = time.monotonic() + self._timeout_seconds
        try:
            connection = await self._pool.take()
        except OSError as error:  # includes TimeoutError
            return NotSent(type(error).__name__)
        try:
            # A frozen process wakes here: the last moment to think again before something may have been sent.
            if time.monotonic() > min(start_before, give_up_at):
                return NotSent("deadline")
            if not connection.is_usable:
                return NotSent("closed")
            request = head.encode() + body
            return self._read(await connection.ask(request, timeout_seconds=give_up_at - time.monotonic()))
        except Broken as error:
            return Ambiguous(str(error))
        finally:
            self._pool.give_back(connection)

    def _read(self, body: bytes | bytearray) -> Answer:
        try:
            answer = self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return Ambiguous("not Graph JSON")
        if answer.error is not None:
            return Refused(answer.error.code)
        return Accepted(answer.messages[0].id) if answer.messages else Ambiguous("no message id")
