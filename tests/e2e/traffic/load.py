"""A tenant's software that posts at a steady rate and repeats what was not answered, under the same key."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Sequence

import aiohttp

from tests.e2e.harness.tenants import Answer, Tenant, template_body

RETRY_SECONDS = 0.2
PATIENCE_SECONDS = 90.0
AGAIN = frozenset({409, 429, 500, 502, 503, 504})


class Load:
    """`run` returns when every message was answered with 200; `answered` has the ids so far."""

    def __init__(self, tenant: Tenant, persons: Sequence[str], *, count: int, per_second: float) -> None:
        self._tenant = tenant
        self._persons = persons
        self._per_second = per_second
        self.count = count
        self.posted = 0
        self.answered: dict[str, str] = {}  # idempotency key -> message id
        self.repeats: Counter[str] = Counter()

    @property
    def message_ids(self) -> list[str]:
        return list(self.answered.values())

    async def run(self) -> None:
        """Post the n-th message n / rate seconds after the start, whatever became of the others."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while self.posted < self.count:
                await asyncio.sleep(max(0.0, started + self.posted / self._per_second - time.monotonic()))
                group.create_task(self._post(self.posted))
                self.posted += 1

    def finish(self, *, more: int) -> None:
        """Post so many more and then no further."""
        self.count = min(self.count, self.posted + more)

    async def _post(self, number: int) -> None:
        person = self._persons[number % len(self._persons)]
        key, body = f"{number}-{secrets.token_hex(8)}", template_body(person, f"Анна {number}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := await self._try(key, body)) is None:
            assert time.monotonic() < deadline, f"no answer to message {number}: {self.repeats}"
            await asyncio.sleep(RETRY_SECONDS)
        self.answered[key] = answer.message_id

    async def _try(self, key: str, body: dict[str, object]) -> Answer | None:
        try:
            answer = await self._tenant.post(body, idempotency_key=key)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.repeats[type(error).__name__] += 1
            return None
        if answer.status in AGAIN:
            self.repeats[str(answer.status)] += 1
            return None
        assert answer.status == 200, f"{answer.status}: {answer.body}"
        return answer
