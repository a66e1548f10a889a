"""Two tenants that answer people at a steady pace: how long each answer takes from its intention to Meta."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

import aiohttp

from tests.bench.generator import GRAPH_VERSION, REPLY_BODY
from tests.bench.seeding import Tenant


class Reply(NamedTuple):
    """One answer: `due` is when it was meant to be sent, in Unix seconds."""

    message_id: str
    due: float


@dataclass
class Replies:
    """One tenant's answers to those who wrote to it, an open loop of `per_second`."""

    tenant: Tenant
    per_second: float
    sent: list[Reply] = field(default_factory=list)
    refused: int = 0

    async def run(self, session: aiohttp.ClientSession, gateway: str, stop: asyncio.Event) -> None:
        """Answer until `stop`; an answer that comes late delays no other."""
        people, due = cycle(list(self.tenant.shop.people_who_wrote())), time.time()
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                await asyncio.sleep(max(0.0, due - time.time()))
                group.create_task(self._answer(session, gateway, *next(people), due))
                due += 1 / self.per_second

    async def _answer(self, session: aiohttp.ClientSession, gateway: str, phone: str, number: str, due: float) -> None:
        url = f"{gateway}/{GRAPH_VERSION}/{number}/messages"
        headers = {"Authorization": f"Bearer {self.tenant.api_key}", "Content-Type": "application/json"}
        async with session.post(url, data=(REPLY_BODY % phone).encode(), headers=headers) as answer:
            if answer.status != 200:
                self.refused += 1
                return
            self.sent.append(Reply((await answer.json())["messages"][0]["id"], due))


async def alone(stream: Replies, gateway: str, watching: Awaitable[None]) -> tuple[float, float]:
    """Answer one person at a time until `watching` has ended; returns when that was, in Unix seconds."""
    begun, stop = time.time(), asyncio.Event()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        group.create_task(stream.run(session, gateway, stop))
        await watching
        stop.set()
    return begun + 1, time.time()


def seconds_to_graph(replies: Sequence[Reply], arrived: dict[str, float], begin: float, end: float) -> list[float]:
    """The seconds until Meta had the answers that were due in [begin, end); one that never arrived is waiting yet."""
    now = time.time()
    return [arrived.get(reply.message_id, now) - reply.due for reply in replies if begin <= reply.due < end]
