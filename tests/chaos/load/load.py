"""The load of one round: starts everybody, ends it, and leaves a directory of evidence behind."""

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.chaos.links.links import Links
from tests.chaos.load.book import Book
from tests.chaos.load.cast import PARTS, Casting, Files, Member, ToTenant
from tests.chaos.load.collecting import collect
from tests.chaos.load.endpoint import Mood
from tests.chaos.load.journal import Journal
from tests.chaos.load.mailer import mail
from tests.chaos.load.meta import Meta
from tests.chaos.load.oddities import storms
from tests.chaos.load.pace import waited
from tests.chaos.load.settling import settled
from tests.chaos.load.stopper import stop_people
from tests.chaos.load.talker import talk
from tests.e2e.conftest import World

SETTLED_WITHIN_SECONDS = 180.0
LAST_POSTS_SECONDS = 100.0  # a client gives a message up after 90
CALL_SECONDS = 20.0
TURN_SECONDS = 10.0
TURNS: tuple[Mood, ...] = ("failing", "refusing", "healthy")  # without the last an endpoint would never be seen to heal
LOOK_SECONDS = 0.2


class Load:
    """`async with Load(...)`: inside the block five tenants send `rate` messages a second until `settle`.

    The files of `directory` are whole when the block is left after `collect`; a block that is left without it only
    stops what runs.
    """

    def __init__(self, world: World, directory: Path, seed: int, rate: float, *, links: Links | None = None) -> None:
        self._world = world
        self._directory = directory
        self._seed = seed
        self._rate = rate
        self._to_tenant: ToTenant = links.to_tenant if links else lambda url: url
        self._book = Book([part.name for part in PARTS if part.endpoint == "healthy"])
        self._meta = Meta(world.sandbox)
        self._looked_at = 0.0
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._resources = AsyncExitStack()
        self.members: list[Member] = []

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self._directory.mkdir(parents=True, exist_ok=True)
            await self._open(opening)
            self._resources = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resources.aclose()

    def between(self) -> int:
        """Messages that were answered and have not settled by callbacks (`Book.between` says which count)."""
        return self._book.between

    async def moved_since(self, at: float) -> float | None:
        """When the first message that was answered after `at` reached Meta after `at` (Unix seconds); None: not yet."""
        if time.monotonic() < self._looked_at + LOOK_SECONDS:
            return None
        self._looked_at = time.monotonic()
        await self._meta.read()
        return self._meta.first_after(at, self._book.answered)

    async def settle(self) -> None:
        """Stop, end all misbehaviour, and wait until everything is settled or 180 s are over."""
        self._stop.set()
        for member in self.members:  # first: whoever failed is left in peace for half a minute
            await member.endpoint.heal()
        await self._last_posts()
        await self._world.sandbox.forget_all()
        for member in self.members:
            if member.part.endpoint == "failing":
                await self._call_here(member)
        await settled(self.members, self._book, self._meta, seconds=SETTLED_WITHIN_SECONDS)

    async def collect(self) -> None:
        """Ask Meta and the public API for what is left to know."""
        await collect(self._directory, self.members, self._book, self._meta, random.Random(f"{self._seed}/sample"))

    async def _open(self, opening: AsyncExitStack) -> None:
        files = Files(
            Journal(self._directory / "clients.jsonl", is_synced=True), Journal(self._directory / "callbacks.jsonl")
        )
        for file in files:
            opening.push_async_callback(file.close)
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        http = await opening.enter_async_context(
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        )
        await self._meta.skip()
        casting = Casting(self._world, http, files, self._book, self._seed, self._rate, self._to_tenant)
        self.members = await casting.open()
        for member in self.members:
            opening.push_async_callback(member.endpoint.stop)
        self._start()

    def _start(self) -> None:
        self._run("storms", storms(self._world.sandbox, self._seed, self._stop))
        for member in self.members:
            self._run(member.part.name, self._trade(member))
            if member.part.endpoint == "failing":
                self._run("turns", _turns(member, self._stop))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _trade(self, member: Member) -> Coroutine[Any, Any, None]:
        if member.part.trade == "talker":
            return talk(member, self._book, self._stop)
        if member.part.trade == "stopper":
            return stop_people(member, self._stop)
        return mail(member, self._stop)

    async def _last_posts(self) -> None:
        """What was begun is ended, or given up after so long; a bug in the load itself is raised here."""
        done, late = await asyncio.wait(self._tasks, timeout=LAST_POSTS_SECONDS)
        for task in late:
            task.cancel()
        for task in done:
            task.result()

    async def _call_here(self, member: Member) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            await member.call_here()


async def _turns(member: Member, stop: asyncio.Event) -> None:
    """The endpoint fails, refuses connections and heals in turns."""
    turn = 0
    while not stop.is_set():
        await member.endpoint.set(TURNS[turn % len(TURNS)])
        await waited(stop, TURN_SECONDS)
        turn += 1
