"""Posting one body to one tenant and reading nothing into the answer but its status (hot path)."""

import time
from contextlib import suppress
from typing import NamedTuple

import aiohttp

from services.gateway.callbacks.service import BadCallbackUrl, check_url
from services.gateway.deliveries import signing
from services.gateway.deliveries.resolver import CheckedResolver

ANSWER_BYTES_MAX = 64 * 1024  # read so that the connection can be used again; a longer answer closes it
KEEP_ALIVE_SECONDS = 60.0
DNS_CACHE_SECONDS = 30


class Answer(NamedTuple):
    """What came of an attempt: an HTTP status, or 0 when there was none; `error` names the kind of failure."""

    status: int
    error: str = ""
    retry_after_seconds: int = 0


class Sender:
    """One HTTP session for all tenants: keep-alive, no redirects, no proxies, no cookies, checked addresses."""

    def __init__(self, *, timeout_seconds: float, allow_loopback: bool, resolver: CheckedResolver) -> None:
        self._allow_loopback = allow_loopback
        self._resolver = resolver
        connector = aiohttp.TCPConnector(
            limit=0,  # the delivery loop counts
            resolver=resolver,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()

    async def post(self, *, url: str, secret: str, delivery_id: str, body: bytes) -> Answer:
        """One attempt. Never raises for what the network or the tenant does."""
        headers = signing.headers(secret=secret, delivery_id=delivery_id, timestamp=int(time.time()), body=body)
        try:
            # Checked again: an address written into the URL is not resolved, and the rules may have changed.
            address = check_url(url, allow_loopback=self._allow_loopback)
            async with self._session.post(address, data=body, headers=headers, allow_redirects=False) as response:
                with suppress(aiohttp.ClientError, TimeoutError):
                    await response.content.read(ANSWER_BYTES_MAX)
                return Answer(response.status, "", _retry_after(response))
        except BadCallbackUrl:
            return Answer(0, "refused_url")
        except TimeoutError:
            return Answer(0, "timeout")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(0, type(error).__name__)


def _retry_after(response: aiohttp.ClientResponse) -> int:
    """Seconds; the form with a date is not honoured."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
