"""Calls to Meta that send no message: with the number's own token, to its upstream, within limits."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from services.gateway.tenants.service import Number
from services.gateway.upstream.metrics import CALLS
from services.kernel.errors import NotFound, TooLarge, Unavailable

GRAPH_VERSION = "v23.0"
TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 2.0
CONNECTIONS_MAX = 100
KEEP_ALIVE_SECONDS = 15.0
ANSWER_BYTES_MAX = 2 * 1024 * 1024  # a page of 100 templates with all their components
DOWNLOAD_BYTES_MAX = 100 * 1024 * 1024  # the largest document (whatsapp-cloud-api 5.4)
PIECE_BYTES = 64 * 1024

# Where Meta's media urls lead: the only hosts beside the upstream itself that ever get a number's token.
_META_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:fbsbx\.com|fbcdn\.net|facebook\.com|whatsapp\.net)")
_ANSWER = msgspec.json.Decoder(dict[str, Any])


class UpstreamAnswer(NamedTuple):
    """Graph JSON with its HTTP status; an error envelope of Meta's is an answer, too."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status < 300 and "error" not in self.body

    @property
    def code(self) -> int | None:
        """Meta's error code."""
        code = self._error.get("code")
        return code if isinstance(code, int) else None

    @property
    def title(self) -> str:
        """Meta's message without its `(#code)`."""
        return re.sub(r"^\(#[0-9]+\) *", "", str(self._error.get("message", ""))) or "Meta refused"

    @property
    def details(self) -> str:
        """What Meta says in words, the most special it has."""
        data = self._error.get("error_data")
        details = data.get("details") if isinstance(data, Mapping) else None
        return str(details or self._error.get("error_user_msg") or self.title)

    @property
    def _error(self) -> Mapping[str, Any]:
        error = self.body.get("error")
        return error if isinstance(error, Mapping) else {}


class Download(NamedTuple):
    """A file on its way: `length` in bytes when the sender named it; pieces of at most 64 KB, read once."""

    mime: str
    length: int | None
    pieces: AsyncIterator[bytes]


class FileGone(NotFound):
    """Meta's media urls live 5 minutes (whatsapp-cloud-api 2.3): ask for a new one."""

    def __init__(self) -> None:
        super().__init__("Meta no longer has this file under this url; ask for a new one")


class Upstream:
    """Meta for live numbers, the sandbox for those in test mode; follows no redirect."""

    def __init__(self, live_url: str, test_url: str) -> None:
        """Both are base URLs without a version. Made on the running loop; `close` ends its connections."""
        self._live_url = live_url.rstrip("/")
        self._test_url = test_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    def base_url(self, number: Number) -> str:
        """Without version and slash at its end."""
        return self._test_url if number.mode == "test" else self._live_url

    async def request(
        self,
        number: Number,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: aiohttp.FormData | bytes | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> UpstreamAnswer:
        """Call `path` (`/{id}/...`, after the version) as the number; its ids must be checked before.

        Raises Unavailable when no Graph JSON comes back: for anything but a GET that says nothing of its effect. A POST
        is never repeated; other methods may be, once, when the connection breaks.
        """
        try:
            async with self._session.request(
                method,
                f"{self.base_url(number)}/{GRAPH_VERSION}{path}",
                params=params,
                json=json,
                data=data,
                headers=_authorization(number),
                allow_redirects=False,
                timeout=_timeout(timeout_seconds),
            ) as response:
                answer = UpstreamAnswer(response.status, _ANSWER.decode(await _body_of(response)))
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _away() from error
        CALLS.labels("answered" if answer.ok else "refused").inc()
        return answer

    @asynccontextmanager
    async def download(
        self,
        number: Number,
        url: str,
        *,
        bytes_max: int = DOWNLOAD_BYTES_MAX,
        timeout_seconds: float = 120.0,
    ) -> AsyncIterator[Download]:
        """The file behind a media url of Meta's, as the number.

        Raises FileGone, TooLarge (also while it is read), and Unavailable for every other failure and for a url that
        leads neither to Meta over https nor to the number's own upstream.
        """
        # Lengths and digests are the file's own, and nobody unpacks a bomb.
        place, headers = self._safe(number, url), _authorization(number) | {"Accept-Encoding": "identity"}
        try:
            response = await self._session.get(
                place, headers=headers, allow_redirects=False, timeout=_timeout(timeout_seconds)
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _away() from error
        async with response:
            _check_file(response, bytes_max)
            CALLS.labels("answered").inc()
            yield Download(response.content_type, response.content_length, _pieces_of(response, bytes_max))

    def _safe(self, number: Number, url: str) -> URL:
        """The address, if a token may go there."""
        try:
            place, home = URL(url), URL(self.base_url(number))
            is_meta = place.scheme == "https" and place.port == 443 and _META_HOST.fullmatch(place.host or "")
            if place.user is None and place.host and (is_meta or place.origin() == home.origin()):
                return place
        except ValueError:
            pass
        CALLS.labels("refused").inc()
        raise Unavailable("the media url leads to a host that is not Meta's")


def _authorization(number: Number) -> dict[str, str]:
    return {"Authorization": f"Bearer {number.access_token}"}


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)


def _away() -> Unavailable:
    CALLS.labels("away").inc()
    return Unavailable("Meta does not answer; try again")


async def _body_of(response: aiohttp.ClientResponse) -> bytearray:
    """The whole body; nothing of one that is too long."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            response.close()
            return bytearray()
    return body


def _check_file(response: aiohttp.ClientResponse, bytes_max: int) -> None:
    if response.status in (404, 410):
        CALLS.labels("refused").inc()
        raise FileGone
    if response.status != 200:
        raise _away()
    if (response.content_length or 0) > bytes_max:
        raise _too_large(bytes_max)


async def _pieces_of(response: aiohttp.ClientResponse, bytes_max: int) -> AsyncIterator[bytes]:
    read = 0
    try:
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            read += len(piece)
            if read > bytes_max:
                raise _too_large(bytes_max)
            yield piece
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise _away() from error


def _too_large(bytes_max: int) -> TooLarge:
    CALLS.labels("too_large").inc()
    return TooLarge(f"the file is larger than {bytes_max} bytes")
