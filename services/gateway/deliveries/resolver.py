"""Resolving a tenant's host name so that no answer leads into our own network (billing-consent-keys 5.3).

The connection is made to the very addresses that were judged here, so a name that answers differently the next time
(DNS rebinding) gains nothing; one bad address among good ones refuses them all.

Look-ups block a thread for as long as the system's resolver waits. A name that was not answered quickly the last time,
or was never asked for, is looked up in threads of its own, so that names which hang never keep others waiting.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from services.gateway.callbacks.service import AddressRules, is_allowed

THREADS = 16  # for names that are known to be answered quickly
STRANGE_THREADS = 48
QUICK_SECONDS = 1.0
NAMES_MAX = 10_000  # that are remembered as quick

Lookup = Callable[[str, int], Sequence[str]]


class AddressRefused(OSError):
    """The name leads to an address that callbacks may not connect to, or to none."""


def look_up(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows for the name; blocks."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class CheckedResolver(AbstractResolver):
    """aiohttp's resolver, refusing addresses on the deny list."""

    def __init__(self, *, rules: AddressRules, lookup: Lookup = look_up) -> None:
        self._rules = rules
        self._lookup = lookup
        self._quick: OrderedDict[str, None] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="callback-dns")
        self._strange_threads = ThreadPoolExecutor(STRANGE_THREADS, thread_name_prefix="callback-dns-strange")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._addresses(host, port)
        if not addresses or not all(is_allowed(address, self._rules) for address in addresses):
            raise AddressRefused("the host name leads to an address that is not public")
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        for threads in (self._threads, self._strange_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Quick is a name whose latest look-up was; one that is being looked up is not, until it is answered."""
        was_quick = host in self._quick
        self._quick.pop(host, None)
        threads = self._threads if was_quick else self._strange_threads
        addresses, seconds = await asyncio.get_running_loop().run_in_executor(threads, self._timed, host, port)
        if seconds < QUICK_SECONDS:
            self._quick[host] = None
            while len(self._quick) > NAMES_MAX:
                self._quick.popitem(last=False)
        return addresses

    def _timed(self, host: str, port: int) -> tuple[Sequence[str], float]:
        """The addresses and how long the look-up itself took, without the wait for a thread; blocks."""
        began = time.monotonic()
        return self._lookup(host, port), time.monotonic() - began


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
