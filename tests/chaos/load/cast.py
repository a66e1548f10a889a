"""Who takes part: five tenants with their numbers, their endpoints and people, each with a trade of its own."""

import asyncio
import dataclasses
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import aiohttp

from tests.chaos.load.book import Book
from tests.chaos.load.client import Client
from tests.chaos.load.endpoint import Endpoint
from tests.chaos.load.journal import Journal
from tests.chaos.load.people import People, Person
from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant, new_meta_id

TOP_UP = "1000000.00"
NUMBER_PER_SECOND = 200
SLOW_SECONDS = 3.0
# Meta's pair limit is one message in six seconds; a load above it would only wait.
SECONDS_PER_MESSAGE_TO_ONE = 8
AT_ONCE = 8

Trade = Literal["mailer", "talker", "stopper"]
ToTenant = Callable[[str], str]


class Part(NamedTuple):
    """One tenant of every round; `endpoint` is the word of tenants.jsonl."""

    name: str
    trade: Trade
    share: float  # of the rate
    endpoint: Literal["healthy", "slow", "failing"] = "healthy"
    numbers: int = 1


PARTS = (
    Part("big", "mailer", 0.5, numbers=2),
    Part("talker", "talker", 0.125),
    Part("stopper", "stopper", 0.125),
    Part("slow", "mailer", 0.125, endpoint="slow"),
    Part("bad", "mailer", 0.125, endpoint="failing"),
)


class Files(NamedTuple):
    """What is written while the load runs."""

    clients: Journal
    callbacks: Journal


@dataclass
class Member:
    """A tenant that takes part; `chance` is its own, so that tenants do not disturb each other's draws."""

    part: Part
    tenant: Tenant
    numbers: list[str]
    endpoint: Endpoint
    url: str
    client: Client
    people: People
    chance: random.Random
    per_second: float
    persons: list[Person] = field(default_factory=list)

    async def call_here(self) -> bool:
        """The tenant says where it is to be called: what waits is tried at once."""
        return (await self.tenant.call("PUT", "/v1/callback", {"url": self.url})).status in (200, 204)

    def as_evidence(self) -> dict[str, Any]:
        return {
            "tenant": self.part.name,
            "id": self.tenant.id,
            "phone_number_ids": self.numbers,
            "top_up": TOP_UP,
            "endpoint": self.part.endpoint,
            "reachable": True,
        }


@dataclass
class Casting:
    """Opens the tenants of a round."""

    world: World
    http: aiohttp.ClientSession
    files: Files
    book: Book
    seed: int
    rate: float
    to_tenant: ToTenant  # the URL under which the gateway reaches an endpoint

    async def open(self) -> list[Member]:
        return list(await asyncio.gather(*(self._open(part) for part in PARTS)))

    async def _open(self, part: Part) -> Member:
        staff = self.world.staff
        opened = await staff.open_tenant(top_up=TOP_UP, messages_per_second=NUMBER_PER_SECOND, callback=False)
        tenant = dataclasses.replace(opened, http=self.http)
        numbers = [tenant.phone_number_id, *(new_meta_id() for _ in range(part.numbers - 1))]
        for number in numbers[1:]:
            await staff.add_number(tenant, number, tenant.waba_id, NUMBER_PER_SECOND)
        member = self._member(part, tenant, numbers)
        await member.endpoint.set("healthy")
        assert await member.call_here(), "the callback URL is not taken"
        if part.trade != "stopper":
            await self._meet(member)
        return member

    def _member(self, part: Part, tenant: Tenant, numbers: list[str]) -> Member:
        delay = SLOW_SECONDS if part.endpoint == "slow" else 0.0
        log, book, name = self.files.clients, self.book, part.name
        endpoint = Endpoint(name, tenant.callback_secret, self.files.callbacks, book, delay_seconds=delay)
        return Member(
            part=part,
            tenant=tenant,
            numbers=numbers,
            endpoint=endpoint,
            url=self.to_tenant(endpoint.url),
            client=Client(name, tenant, log, book),
            people=People(name, tenant, self.world.sandbox, log, book),
            chance=random.Random(f"{self.seed}/{name}"),
            per_second=self.rate * part.share,
        )

    async def _meet(self, member: Member) -> None:
        """The people it writes to: those of a mailer have consented, those of a talker write first."""
        count = max(1, math.ceil(member.per_second * SECONDS_PER_MESSAGE_TO_ONE))
        places = asyncio.Semaphore(AT_ONCE)

        async def one(index: int) -> Person:
            async with places:
                number = member.numbers[index % len(member.numbers)]
                person = await member.people.meet(number, member.chance)
                if member.part.trade == "mailer":
                    assert await member.people.consent(person), "nobody can consent"
                return person

        member.persons = list(await asyncio.gather(*(one(index) for index in range(count))))
