"""A tenant's software: it posts, notes what it was answered, and repeats under the same key what was not."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import aiohttp

from tests.chaos.load.book import Book
from tests.chaos.load.journal import Journal
from tests.e2e.harness.tenants import GRAPH_VERSION, Tenant, template_body, text_body

PATIENT_SECONDS, HASTY_SECONDS = 15.0, 1.0  # how long a client waits for an answer
GIVE_UP_SECONDS = 90.0  # from the first try: then the client posts this message no more
PAUSE_SECONDS, PAUSE_MAX_SECONDS = 0.3, 3.0
AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})

tries = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One message that a tenant wants to send; without a key it is posted once, whatever comes of it."""

    to: str
    number: str
    form: Literal["template", "text"]
    text: str
    key: str | None
    lane_order: int | None = None
    is_hasty: bool = False
    is_silent: bool = False  # Meta will report nothing final of it

    @property
    def body(self) -> dict[str, Any]:
        return template_body(self.to, self.text) if self.form == "template" else text_body(self.to, self.text)


class Answer(NamedTuple):
    """Status 0: there was none."""

    status: int
    message_id: str | None = None
    code: int | None = None

    @property
    def is_final(self) -> bool:
        return self.status not in (0, *AGAIN)


class Client:
    """Posts for one tenant."""

    def __init__(self, name: str, tenant: Tenant, log: Journal, book: Book) -> None:
        self._name = name
        self._tenant = tenant
        self._log = log
        self._book = book

    async def send(self, wish: Wish) -> str | None:
        """The message's id; None when it was refused, or the client gave up."""
        deadline, pause = time.monotonic() + GIVE_UP_SECONDS, PAUSE_SECONDS
        while True:
            answer = await self.post(wish)
            if answer.is_final or wish.key is None or time.monotonic() > deadline:
                return answer.message_id
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX_SECONDS)

    async def post(self, wish: Wish) -> Answer:
        """One try; the log has it before the gateway does."""
        number = next(tries)
        await self._log.keep(self._posted(wish, number))
        try:
            answer = await self._ask(wish)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            row = {"kind": "unanswered", "at": time.time(), "try": number, "error": type(error).__name__}
            self._log.note(row)
            return Answer(0)
        at = time.time()
        self._log.note({"kind": "answered", "at": at, "try": number, **answer._asdict()})
        if answer.message_id is not None:
            self._book.answer(self._name, answer.message_id, at, is_silent=wish.is_silent)
        return answer

    async def _ask(self, wish: Wish) -> Answer:
        headers = {"Authorization": f"Bearer {self._tenant.api_key}"}
        if wish.key is not None:
            headers["Idempotency-Key"] = wish.key
        url = f"{self._tenant.gateway}/{GRAPH_VERSION}/{wish.number}/messages"
        timeout = aiohttp.ClientTimeout(total=HASTY_SECONDS if wish.is_hasty else PATIENT_SECONDS)
        async with self._tenant.http.post(url, json=wish.body, headers=headers, timeout=timeout) as answer:
            return read(answer.status, await answer.read())

    def _posted(self, wish: Wish, number: int) -> dict[str, Any]:
        return {
            "kind": "posted",
            "at": time.time(),
            "tenant": self._name,
            "try": number,
            "key": wish.key,
            "form": wish.form,
            "to": wish.to,
            "number": wish.number,
            "lane_order": wish.lane_order,
        }


def read(status: int, body: bytes) -> Answer:
    """What an answer of the Graph-shaped door says; a page that is no JSON has no code."""
    try:
        said = json.loads(body)
        if status == 200:
            return Answer(status, message_id=said["messages"][0]["id"])
        return Answer(status, code=said["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return Answer(status)
