"""People who take their consent back while messages to them are under way."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.e2e.harness.tenants import Tenant

EVERY_SECONDS = 1.5
# A call may begin until a second after the question that came before the withdrawal (architecture, promise 4).
CALL_WITHIN = timedelta(seconds=1.0)
BURST = 3


@dataclass
class Stops:
    """Each person gets a few messages and then withdraws; `at` is the moment of the withdrawal's 200."""

    tenant: Tenant
    at: dict[str, datetime] = field(default_factory=dict)
    message_ids: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Go on until cancelled; what a fault refuses is tried with another person later."""
        while True:
            try:
                await self._one()
            except (aiohttp.ClientError, AssertionError, OSError):
                await asyncio.sleep(EVERY_SECONDS)

    async def _one(self) -> None:
        person = await self.tenant.new_person()
        for _ in range(BURST):
            self.message_ids.append(await self.tenant.send_template(person))
        await self.tenant.withdraw(person)
        self.at[person.lstrip("+")] = datetime.now(UTC)
        await asyncio.sleep(EVERY_SECONDS)

    def sent_after(self, sends: list[dict[str, Any]], freezes: list[tuple[datetime, datetime]]) -> tuple[int, int]:
        """Sends after a withdrawal, and those of them during or right after a freeze."""
        late = [row for row in sends if self._is_late(row)]
        frozen = [row for row in late if _is_in(_time(row), freezes)]
        return len(late) - len(frozen), len(frozen)

    def _is_late(self, row: dict[str, Any]) -> bool:
        stopped = self.at.get(row["to"].lstrip("+"))
        return stopped is not None and row["outcome"] != "refused" and _time(row) > stopped + CALL_WITHIN


def _time(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def _is_in(moment: datetime, intervals: list[tuple[datetime, datetime]]) -> bool:
    return any(begin <= moment <= end + CALL_WITHIN for begin, end in intervals)
