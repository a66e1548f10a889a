"""Asking the public API at the end of a round, a few questions at once; an outage is waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp

from tests.e2e.harness.tenants import Answer, Tenant

AT_ONCE = 8
PAGE = 100
MESSAGES, CHARGES = "/v1/messages", "/v1/billing/charges"
PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 0.5
Subject = TypeVar("Subject")
Found = TypeVar("Found")


async def ask(tenant: Tenant, path: str, *wanted: int) -> Answer:
    """The first answer with a wanted status (200 unless told otherwise); the last one, or its error, if none comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        is_last = time.monotonic() > deadline
        try:
            answer = await tenant.call("GET", path)
            if answer.status in (wanted or (200,)) or is_last:
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError):
            if is_last:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def pages(tenant: Tenant, path: str, states: Collection[str] = ()) -> list[dict[str, Any]]:
    """What is on all pages of a list, or what is in some of the states."""
    items: list[dict[str, Any]] = []
    question = urlencode([("limit", PAGE), *(("state", state) for state in states)])
    cursor: str | None = ""
    while cursor is not None:
        page = (await ask(tenant, f"{path}?{question}" + (f"&cursor={cursor}" if cursor else ""))).body
        items += page["data"]
        cursor = page["paging"]["next"]
    return items


async def each(subjects: Iterable[Subject], question: Callable[[Subject], Awaitable[Found]]) -> list[Found]:
    """The answers in the order of the subjects."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(subject: Subject) -> Found:
        async with places:
            return await question(subject)

    return list(await asyncio.gather(*(one(subject) for subject in subjects)))
