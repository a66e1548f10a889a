"""Takes templates in as pending, and decides on them a little later."""

import asyncio

from services.sandbox.platform.service import Platform
from services.sandbox.templates.service import Status, Template, Templates

TICK_SECONDS = 0.2
REJECTED, PENDING = "_rejected", "_pending"  # what a template's name ends with decides; any other is approved


class Reviews:
    def __init__(self, templates: Templates, platform: Platform, seconds: float) -> None:
        self._templates = templates
        self._platform = platform
        self._seconds = seconds
        self._waiting: list[tuple[float, str]] = []

    async def run(self) -> None:
        """Work for ever; ends only by cancellation."""
        loop = asyncio.get_running_loop()
        self._waiting += [(loop.time() + self._seconds, one.id) for _, one in self._templates.pending()]
        while True:
            while self._waiting and self._waiting[0][0] <= loop.time():
                await self._decide(self._waiting.pop(0)[1])
            await asyncio.sleep(TICK_SECONDS)

    def submit(self, template: Template) -> None:
        """Its decision comes after the time of the settings."""
        self._waiting.append((asyncio.get_running_loop().time() + self._seconds, template.id))

    async def _decide(self, template_id: str) -> None:
        found = self._templates.by_id(template_id)
        if found is None or found[1].status != "PENDING" or found[0].endswith(PENDING):
            return
        name, template = found
        status: Status = "REJECTED" if name.endswith(REJECTED) else "APPROVED"
        decided = self._templates.put(name, template.model_copy(update={"status": status}))
        await self._platform.reviewed(template.waba_id, name, decided, status)
