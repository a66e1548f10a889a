"""Posting one body to one endpoint and reading nothing into the answer but its status (hot path)."""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp.connector import AddrInfoType, Connection
from yarl import URL

from services.gateway.attempts.service import HEAD_CHARACTERS_MAX, Heads
from services.gateway.callbacks.service import AddressRules, BadCallbackUrl, check_url
from services.gateway.deliveries import signing
from services.gateway.deliveries.packing import Post
from services.gateway.deliveries.resolver import CheckedResolver
from services.gateway.deliveries.schedule import TIMEOUT
from services.kernel import clock

ANSWER_BYTES_MAX = 64 * 1024  # read so that the connection can be used again; a longer answer closes it
KEEP_ALIVE_SECONDS = 60.0
DNS_CACHE_SECONDS = 30
RETRY_AFTER_DIGITS_MAX = 7
RETRY_AFTER_CHARACTERS_MAX = 64


class Answer(NamedTuple):
    """What came of an attempt: an HTTP status, or 0 when there was none; `error` names the kind of failure."""

    status: int
    error: str = ""
    retry_after_seconds: float = 0.0
    address: str | None = None
    heads: Heads = Heads("")


class _Peer:
    """The address that one attempt reached for last."""

    address: str | None = None


_peer: ContextVar[_Peer] = ContextVar("callback peer")


class _Response(aiohttp.ClientResponse):
    """Notes whom a connection leads to that was open already."""

    async def start(self, connection: Connection) -> Self:
        if connection.transport is not None and (peer := connection.transport.get_extra_info("peername")):
            _peer.get().address = str(peer[0])
        await super().start(connection)
        return self


class Sender:
    """One HTTP session for all tenants: keep-alive, no redirects, no proxies, no cookies, checked addresses."""

    def __init__(self, *, timeout_seconds: float, rules: AddressRules, resolver: CheckedResolver) -> None:
        self._rules = rules
        self._resolver = resolver
        connector = aiohttp.TCPConnector(
            limit=0,  # the delivery loop counts
            resolver=resolver,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            socket_factory=_new_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_Response,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()

    async def post(self, post: Post) -> Answer:
        """One attempt. Never raises for what the network or the tenant does."""
        headers = signing.headers(
            secrets=post.secrets, delivery_id=str(post.delivery_id), timestamp=int(time.time()), body=post.body
        )
        heads = Heads(_request_head(post.url, headers, len(post.body)))
        peer = _Peer()
        _peer.set(peer)
        try:
            # Checked again: an address written into the URL is not resolved, and the rules may have changed.
            address = check_url(post.url, rules=self._rules)
            return await self._exchange(address, headers, post.body, heads, peer)
        except BadCallbackUrl:
            return Answer(0, "refused_url", heads=heads)
        except TimeoutError:
            return Answer(0, TIMEOUT, address=peer.address, heads=heads)
        except (aiohttp.ClientError, OSError) as error:
            return Answer(0, type(error).__name__, address=peer.address, heads=heads)

    async def _exchange(
        self, address: str, headers: Mapping[str, str], body: bytes, heads: Heads, peer: _Peer
    ) -> Answer:
        start = b""
        async with self._session.post(address, data=body, headers=headers, allow_redirects=False) as response:
            with suppress(aiohttp.ClientError, TimeoutError):
                start = await response.content.read(ANSWER_BYTES_MAX)
            return Answer(
                response.status,
                "",
                retry_after_seconds(response.headers.get("Retry-After", ""), now=clock.now()),
                peer.address,
                Heads(heads.request_head, _response_head(response), _text(start)),
            )


def retry_after_seconds(text: str, *, now: datetime) -> float:
    """What the header says, seconds or an HTTP date (RFC 9110, 10.2.3); 0 where it is missing, malformed or past."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= RETRY_AFTER_DIGITS_MAX else 10.0**RETRY_AFTER_DIGITS_MAX
    if not text or len(text) > RETRY_AFTER_CHARACTERS_MAX:
        return 0.0
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _new_socket(info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, address = info
    with suppress(LookupError):  # a connection that aiohttp opens for nobody in particular
        _peer.get().address = str(address[0])
    return socket.socket(family=family, type=kind, proto=protocol)


def _request_head(url: str, headers: Mapping[str, str], length: int) -> str:
    parsed = URL(url)
    lines = [f"POST {parsed.raw_path_qs} HTTP/1.1", f"Host: {parsed.authority}", f"Content-Length: {length}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])[:HEAD_CHARACTERS_MAX]


def _response_head(response: aiohttp.ClientResponse) -> str:
    version = response.version or aiohttp.HttpVersion11
    lines = [f"HTTP/{version.major}.{version.minor} {response.status} {response.reason or ''}"]
    lines += [f"{_text(name)}: {_text(value)}" for name, value in response.raw_headers]
    return "\r\n".join(lines)[:HEAD_CHARACTERS_MAX]


def _text(raw: Any) -> str:
    return bytes(raw[: 4 * HEAD_CHARACTERS_MAX]).decode(errors="replace")[:HEAD_CHARACTERS_MAX]
