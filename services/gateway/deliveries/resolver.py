"""Resolving a tenant's host name so that no answer leads into our own network (billing-consent-keys 5.3).

The connection is made to the very addresses that were judged here, so a name that answers differently the next time
(DNS rebinding) gains nothing; one bad address among good ones refuses them all.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from services.gateway.callbacks.service import is_allowed

# Its own threads: a tenant's slow name server must not hold up what else the process does in threads.
THREADS = 16

Lookup = Callable[[str, int], Sequence[str]]


class AddressRefused(OSError):
    """The name leads to an address that callbacks may not connect to, or to none."""


def look_up(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows for the name; blocks."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class CheckedResolver(AbstractResolver):
    """aiohttp's resolver, refusing addresses on the deny list."""

    def __init__(self, *, allow_loopback: bool, lookup: Lookup = look_up) -> None:
        self._allow_loopback = allow_loopback
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="callback-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
        if not addresses or not all(is_allowed(a, allow_loopback=self._allow_loopback) for a in addresses):
            raise AddressRefused("the host name leads to an address that is not public")
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
