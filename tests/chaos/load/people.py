"""The people of the tenants: they consent, write, say STOP and START, or are withdrawn."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from tests.chaos.load.book import Book, Said
from tests.chaos.load.journal import Journal
from tests.chaos.load.oddities import ORDINARY, Oddity, draw
from tests.e2e.harness.sandbox import Sandbox
from tests.e2e.harness.tenants import Answer, Tenant, new_person

STOP_WORDS, START_WORDS = ("СТОП", "Стоп!", "stop"), ("СТАРТ", "start")
GIVE_UP_SECONDS, PAUSE_SECONDS = 90.0, 1.0


@dataclass(slots=True)
class Person:
    """Somebody who always talks to the same number of one tenant; `order` counts what was sent in a row."""

    phone: str
    number: str
    oddity: Oddity = ORDINARY
    order: int = 0


class People:
    """One tenant's people."""

    def __init__(self, name: str, tenant: Tenant, sandbox: Sandbox, log: Journal, book: Book) -> None:
        self._name = name
        self._tenant = tenant
        self._sandbox = sandbox
        self._log = log
        self._book = book

    async def meet(self, number: str, chance: random.Random) -> Person:
        """A new person, with whatever Meta does to them."""
        person = Person(new_person(), number, draw(chance))
        if person.oddity.scenario:
            await self._sandbox.scenario(person.phone, **person.oddity.scenario)
        return person

    async def consent(self, person: Person) -> bool:
        """Recorded through the API; false after a long outage.

        The time of consent is given, so that a request which a frozen process takes up late does not undo what came
        in between.
        """
        at = time.time()
        evidence = {"source": "web_form", "text": "Согласен получать сообщения.", "given_at": _iso(at)}
        body = {"phone": person.phone, "purpose": "service", "evidence": evidence}
        # Noted before: from here on it may hold, whether or not the answer arrives.
        self._log.note({"kind": "consented", "at": at, "tenant": self._name, "to": person.phone})
        return await _insist(lambda: self._tenant.call("POST", "/v1/consents", body), 200, 201)

    async def withdraw(self, person: Person) -> bool:
        """Taken back through the API; true once that was answered 200."""
        asked, body = time.time(), {"phone": person.phone}
        is_done = await _insist(lambda: self._tenant.call("POST", "/v1/consents:withdraw", body), 200)
        if is_done:
            row = {"kind": "withdrawn", "asked": asked, "at": time.time()}
            await self._log.keep({**row, "tenant": self._name, "to": person.phone})
        return is_done

    async def write(self, person: Person, text: str) -> None:
        """The person writes to the tenant; Meta takes it and will tell of it."""
        at = time.time()
        wamid = await self._sandbox.write(person.phone, text, person.number)
        self._book.written.add(Said.by(person.phone, text))
        self._log.note(self._wrote(person, text, at, wamid))

    def _wrote(self, person: Person, text: str, at: float, wamid: str) -> dict[str, Any]:
        return {
            "kind": "wrote",
            "at": at,
            "tenant": self._name,
            "to": person.phone,
            "number": person.number,
            "text": text,
            "is_stop": text in STOP_WORDS,
            "is_start": text in START_WORDS,
            "wamid": wamid,
        }


async def _insist(ask: Callable[[], Awaitable[Answer]], *wanted: int) -> bool:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        try:
            if (await ask()).status in wanted:
                return True
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):  # ValueError: half a page of JSON
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    return False


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
