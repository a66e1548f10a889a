"""Everything the simulated Meta knows, put together from the settings and from its files."""

import asyncio
import time
from pathlib import Path

from services.sandbox.identity import digits
from services.sandbox.numbers.service import Numbers
from services.sandbox.people.service import People
from services.sandbox.scenarios.service import Scenarios
from services.sandbox.sends.service import Send, Sends
from services.sandbox.settings import Settings
from services.sandbox.webhooks.service import Ledger, Webhooks


class World:
    """Built and resumed before the server starts; `run` tells the webhook until the process stops."""

    def __init__(self, settings: Settings) -> None:
        self.seed = settings.seed
        self.latency_ms = settings.latency_ms
        self.sends = Sends(settings.file)
        self.numbers = Numbers(_beside(settings.file, "registry"))
        self.scenarios = Scenarios()
        self.people = People()
        self._ledger = Ledger(_beside(settings.file, "events"))
        self.webhooks = Webhooks(settings, self.numbers, self._ledger, self._settled)
        self._replies: set[asyncio.Task[str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self.webhooks.run())
            await stop.wait()
            telling.cancel()

    async def close(self) -> None:
        await self.webhooks.close()
        await self._ledger.close()
        await self.sends.close()

    def resume(self) -> None:
        """Plan again what an earlier process had not told the webhook to the end."""
        inbounds = self._ledger.inbounds
        for inbound in inbounds:
            self.people.wrote(inbound)
        untold = [inbound for inbound in inbounds if not self._ledger.is_told(inbound)]
        still_open = [send for send in self.sends.replay() if self._is_open(send)]
        self._ledger.compact(now=time.time(), below=self.sends.count, still_open=[send.n for send in still_open])
        for inbound in untold:
            self.webhooks.resume(inbound)
        for send in still_open:
            self._report_again(send)

    def _is_open(self, send: Send) -> bool:
        if send.outcome == "refused":
            return False
        self.people.met(digits(send.to), send.phone_number_id)
        return self._ledger.is_open(send.n)

    def _report_again(self, send: Send) -> None:
        window_open = self.people.window_open(digits(send.to), send.phone_number_id, time.time())
        self.webhooks.report(send, accepted_in_seconds=0.0, window_open=window_open)

    def _settled(self, send: Send) -> None:
        """The person has seen the message; some answer."""
        if send.plan.reply_text is None:
            return
        writing = self.people.write(
            self.webhooks, phone=digits(send.to), text=send.plan.reply_text, phone_number_id=send.phone_number_id
        )
        reply = asyncio.create_task(writing, name="reply")
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)


def _beside(file: Path, name: str) -> Path:
    return file.with_name(f"{file.name}.{name}")
