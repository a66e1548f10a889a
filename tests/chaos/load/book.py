"""What the clients were answered and the endpoints were told so far, to see how many messages are between states."""

import asyncio
from collections.abc import Collection
from typing import Any, NamedTuple, Self

FINAL = frozenset({"delivered", "read", "failed"})


class Said(NamedTuple):
    """A text and the digits of who wrote it."""

    phone: str
    text: str

    @classmethod
    def by(cls, phone: str, text: str) -> Self:
        return cls(phone.lstrip("+"), text)


class Book:
    """In memory and only to steer the round by: the judge reads the files."""

    def __init__(self, prompt: Collection[str]) -> None:
        self._prompt = frozenset(prompt)  # tenants whose endpoints take callbacks at once
        self.answered: dict[str, float] = {}  # message id -> when the first 200 came, Unix seconds
        self.tenants: dict[str, str] = {}  # message id -> the name of the tenant that was answered
        self.told: set[tuple[str, str]] = set()  # message id, status
        self.settled: set[str] = set()
        self.written: set[Said] = set()  # what Meta took
        self.heard: set[Said] = set()  # what a tenant was told
        self._between: set[str] = set()
        self._listening: dict[Said, asyncio.Event] = {}

    @property
    def between(self) -> int:
        """Answered with 200 and not settled by callbacks.

        Tenants whose endpoints are slow or down, and people of whom Meta reports nothing, do not count: theirs would
        be between states all the while.
        """
        return len(self._between)

    def answer(self, tenant: str, message_id: str, at: float, *, is_silent: bool) -> None:
        if message_id not in self.answered:
            self.answered[message_id] = at
            self.tenants[message_id] = tenant
            if message_id not in self.settled and not is_silent and tenant in self._prompt:
                self._between.add(message_id)

    def tell(self, value: dict[str, Any]) -> None:
        """A tenant received this value."""
        for status in value.get("statuses", ()):
            self.told.add((status["id"], status["status"]))
            if status["status"] in FINAL:
                self.settled.add(status["id"])
                self._between.discard(status["id"])
        for message in value.get("messages", ()):
            said = Said.by(message.get("from", ""), message.get("text", {}).get("body", ""))
            self.heard.add(said)
            if said in self._listening:
                self._listening[said].set()

    async def hears(self, said: Said, *, seconds: float) -> bool:
        """Whether the tenant is told of it in time."""
        if said in self.heard:
            return True
        event = self._listening[said] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            del self._listening[said]
        return True
