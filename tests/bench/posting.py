"""A mailing: one tenant posts its messages in batches as fast as the door takes them."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.bench.generator import TEMPLATE_BODY
from tests.bench.population import phone
from tests.bench.progress import Tell
from tests.bench.seeding import Tenant

BATCH = 1_000
AT_ONCE = 2
BUSY = (429, 503)
PAUSE_SECONDS = 1.0


@dataclass
class Mailing:
    """What was asked for, and how much of it the door has taken."""

    tenant: Tenant
    messages: int
    accepted: int = 0

    async def post(self, session: aiohttp.ClientSession, gateway: str, tell: Tell) -> None:
        """Post everything; what the door is too busy for is posted again."""
        waiting = list(self._items())
        headers = {"Authorization": f"Bearer {self.tenant.api_key}", "Content-Type": "application/json"}

        async def work() -> None:
            while waiting:
                items = [waiting.pop() for _ in range(min(BATCH, len(waiting)))]
                left = await self._batch(session, f"{gateway}/v1/messages:batch", headers, items)
                waiting.extend(left)
                tell(self.accepted, "")
                if left:
                    await asyncio.sleep(PAUSE_SECONDS)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    async def _batch(self, session: aiohttp.ClientSession, url: str, headers: Any, items: list[str]) -> list[str]:
        """What must be posted again."""
        async with session.post(url, data=f'{{"messages":[{",".join(items)}]}}', headers=headers) as answer:
            if answer.status in BUSY:
                return items
            answer.raise_for_status()
            results = json.loads(await answer.read())["results"]
        left = [item for item, result in zip(items, results, strict=True) if result["status"] in BUSY]
        self.accepted += sum(result["status"] == 200 for result in results)
        return left

    def _items(self) -> Iterator[str]:
        """Each person of the shop gets one; those who wrote come last, as they are also answered."""
        shop = self.tenant.shop
        for one in range(shop.persons - self.messages, shop.persons):
            message = TEMPLATE_BODY % phone(shop.first_person + one)
            yield f'{{"phone_number_id":"{shop.number_of(one)}","message":{message}}}'
