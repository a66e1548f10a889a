"""Both doors tried once a second, and a person who writes: what is answered, how soon, and whether it says when."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from deploy.local import environment
from deploy.local.stack import Stack
from tests.bench.figures import milliseconds
from tests.bench.generator import GRAPH_VERSION, TEMPLATE_BODY
from tests.bench.population import phone
from tests.bench.seeding import QUESTION, Tenant
from tests.e2e.harness.meta import Meta, inbound

EVERY_SECONDS = 1.0
ANSWER_SECONDS = 30.0
AGAIN_SECONDS = 60.0  # what was refused is taken within this after the outage


class Answer(NamedTuple):
    """`status` is "200", "503", ..., or the class of what broke; `at` is monotonic."""

    at: float
    status: str
    seconds: float
    says_when: bool


@dataclass
class Prober:
    """Sends from one tenant, each under a key of its own; repeats one webhook, which is told once however often."""

    stack: Stack
    tenant: Tenant
    session: aiohttp.ClientSession
    sends: list[Answer] = field(default_factory=list)
    webhooks: list[Answer] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    wrote: int = 0
    _refused: set[int] = field(default_factory=set)

    async def run(self, seconds: float) -> None:
        """One of each every second; a slow answer delays nothing."""
        shop, began = self.tenant.shop, time.monotonic()
        person, number = next(shop.people_who_wrote())
        webhook = inbound(number, QUESTION, person=person)
        async with asyncio.TaskGroup() as group:
            for turn in range(int(seconds / EVERY_SECONDS)):
                group.create_task(self._send(turn))
                group.create_task(self._post_webhook(webhook))
                group.create_task(self._write(person, number))
                await asyncio.sleep(max(0.0, began + (turn + 1) * EVERY_SECONDS - time.monotonic()))

    async def repeat_refused(self) -> int:
        """Post again, each under its own key, as the documentation asks for; how many are refused still."""
        deadline = time.monotonic() + AGAIN_SECONDS
        while self._refused and time.monotonic() < deadline:
            await asyncio.gather(*(self._send(turn, is_noted=False) for turn in sorted(self._refused)))
            await asyncio.sleep(EVERY_SECONDS)
        return len(self._refused)

    async def _send(self, turn: int, *, is_noted: bool = True) -> None:
        shop = self.tenant.shop
        one = shop.persons - 1 - turn % (shop.persons - shop.wrote)
        url = f"{self.stack.url('gateway')}/{GRAPH_VERSION}/{shop.number_of(one)}/messages"
        headers = {"Authorization": f"Bearer {self.tenant.api_key}", "Content-Type": "application/json",
                   "Idempotency-Key": f"probe-{turn}"}  # fmt: skip
        body = TEMPLATE_BODY % phone(shop.first_person + one)
        answer, said = await self._ask(url, body.encode(), headers)
        if answer.status == "200":
            self.ids.add(said["messages"][0]["id"])
            self._refused.discard(turn)
        else:
            self._refused.add(turn)
        if is_noted:
            self.sends.append(answer)

    async def _ask(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[Answer, Any]:
        began = time.monotonic()
        try:
            async with self.session.post(url, data=body, headers=headers) as answer:
                said, status, says_when = await answer.json(), str(answer.status), "Retry-After" in answer.headers
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said, status, says_when = None, type(error).__name__, False
        return Answer(began, status, time.monotonic() - began, says_when), said

    async def _post_webhook(self, body: dict[str, Any]) -> None:
        stack, began = self.stack, time.monotonic()
        meta = Meta(self.session, stack.url("webhook") + environment.WEBHOOK_PATH, stack.facts.secrets.app_secret)
        try:
            status = str(await meta.post(body))
        except (aiohttp.ClientError, OSError) as error:
            status = type(error).__name__
        self.webhooks.append(Answer(began, status, time.monotonic() - began, says_when=False))

    async def _write(self, person: str, number: str) -> None:
        """Told by the sandbox, which repeats what is not taken, as Meta does."""
        body = {"text": QUESTION, "phone_number_id": number}
        url = f"{self.stack.url('sandbox')}/_sandbox/people/{person[1:]}/messages"
        async with self.session.post(url, json=body) as answer:
            answer.raise_for_status()
        self.wrote += 1


def summary(answers: Iterable[Answer]) -> dict[str, Any]:
    """How many of each status, and how long they took."""
    seen = list(answers)
    return {"statuses": dict(Counter(one.status for one in seen)), "ms": milliseconds([one.seconds for one in seen])}
