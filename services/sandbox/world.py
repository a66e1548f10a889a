"""Everything the simulated Meta knows, put together from the settings and from its files."""

import asyncio
import time
from pathlib import Path

from services.sandbox.limits.service import Limits
from services.sandbox.magic.service import Magic
from services.sandbox.media.service import Library
from services.sandbox.numbers.service import Numbers
from services.sandbox.people.service import People, Writing
from services.sandbox.people.writing import Pen
from services.sandbox.phones.service import Phones
from services.sandbox.platform.service import Platform
from services.sandbox.reviews.service import Reviews
from services.sandbox.scenarios.service import Scenarios
from services.sandbox.scripts.service import Scripts
from services.sandbox.sends.service import Send, Sends
from services.sandbox.settings import Settings
from services.sandbox.templates.service import Templates
from services.sandbox.webhooks.service import Announcement, Inbound, Ledger, Webhooks

ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}  # noqa: S104  # where one listens is no address


class World:
    """Built and resumed before the server starts; `run` tells the webhook until the process stops."""

    def __init__(self, settings: Settings) -> None:
        self.seed = settings.seed
        self.latency_ms = settings.latency_ms
        self.rules = settings.rules
        self.control_token = settings.control_token.get_secret_value()
        self.sends = Sends(settings.file)
        self.numbers = Numbers(_beside(settings.file, "registry"))
        self.templates = Templates(_beside(settings.file, "templates"))
        self.library = _library(settings)
        self.magic = Magic(is_on=settings.rules.magic)
        self.scenarios = Scenarios(self.magic.scenario)
        self.limits = Limits()
        self.people = People()
        self._ledger = Ledger(_beside(settings.file, "events"))
        self.webhooks = Webhooks(settings, self.numbers, self._ledger, self._settled)
        self.pen = Pen(
            people=self.people, webhooks=self.webhooks, library=self.library, numbers=self.numbers,
            templates=self.templates, scenarios=self.scenarios,
        )  # fmt: skip
        self.scripts = Scripts(self.pen, self.webhooks, settings.seed, self.magic.script)
        self.platform = Platform(self.webhooks, self.numbers, self.templates, settings.seed)
        self.reviews = Reviews(self.templates, self.platform, settings.template_review_seconds)
        self.phones = Phones(
            people=self.people, pen=self.pen, numbers=self.numbers, scenarios=self.scenarios, magic=self.magic,
        )  # fmt: skip
        self._replies: set[asyncio.Task[str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self.webhooks.run())
            reviewing = group.create_task(self.reviews.run())
            await stop.wait()
            telling.cancel()
            reviewing.cancel()

    async def close(self) -> None:
        await self.scripts.close()
        await self.webhooks.close()
        await self._ledger.close()
        await self.sends.close()

    def resume(self) -> None:
        """Plan again what an earlier process had not told the webhook to the end."""
        for inbound in self._ledger.inbounds:
            self.people.wrote(inbound)
        told: list[Inbound | Announcement] = [*self._ledger.inbounds, *self._ledger.announcements]
        untold = [subject for subject in told if not self._ledger.is_told(subject)]
        still_open = [send for send in self.sends.replay() if self._is_open(send)]
        self._ledger.compact(now=time.time(), below=self.sends.count, still_open=[send.n for send in still_open])
        for subject in untold:
            self.webhooks.resume(subject)
        for send in still_open:
            self._report_again(send)

    def _is_open(self, send: Send) -> bool:
        if send.outcome == "refused":
            return False
        self.people.met(send.phone, send.phone_number_id)
        return self._ledger.is_open(send.n)

    def _report_again(self, send: Send) -> None:
        window_open = self.people.window_open(send.phone, send.phone_number_id, time.time())
        self.webhooks.report(send, accepted_in_seconds=0.0, window_open=window_open)

    def _settled(self, send: Send) -> None:
        """The person has seen the message; some answer."""
        if send.plan.reply_text is None:
            return
        writing = Writing(text=send.plan.reply_text, phone_number_id=send.phone_number_id)
        reply = asyncio.create_task(self.pen.write(send.phone, writing), name="reply")
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)


def _library(settings: Settings) -> Library:
    host = ANY_HOST.get(settings.http.host, settings.http.host)
    base_url = settings.public_url or f"http://{host}:{settings.http.port}"
    secret = settings.app_secret.get_secret_value().encode()
    return Library(_beside(settings.file, "media"), settings.media, base_url=base_url, secret=secret)


def _beside(file: Path, name: str) -> Path:
    return file.with_name(f"{file.name}.{name}")
