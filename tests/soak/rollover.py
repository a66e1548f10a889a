"""The month rolls over in the middle of a soak: old webhooks come again, and the days that are over go."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp

from deploy.local import environment
from deploy.local.stack import Stack
from tests.bench.meta import PAGE_MAX
from tests.e2e.harness.meta import Meta, envelope
from tests.soak import aging

MESSAGES = 500  # of the first seconds of the load: their statuses were all told long ago
STATUSES = ("sent", "delivered", "read")
QUIET_SECONDS = 15.0  # many times what a webhook takes through Kafka to the tables
DROPPED_SECONDS, LOOK_SECONDS = 120.0, 0.5
WORKERS = ("gateway-worker", "consent-worker")


@dataclass
class Rollover:
    """What came of it; all of `problems` must stay empty."""

    messages: int = 0
    redelivered: int = 0  # statuses, half of them with Meta's id alone
    days_planted: int = 0
    dropped_after_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    moved: list[UUID] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "moved"}


async def roll_over(stack: Stack, session: aiohttp.ClientSession) -> Rollover:
    """Move messages to last month, have their webhooks come again, and see old days dropped; the load goes on."""
    found = Rollover()
    await _redeliver(stack, session, found)
    await _drop(stack, found)
    return found


async def _redeliver(stack: Stack, session: aiohttp.ClientSession, found: Rollover) -> None:
    days = aging.days_to_last_month()
    sends = await _first_sends(stack, session)
    ids = [UUID(send["biz_opaque_callback_data"]) for send in sends]
    found.moved, found.messages = [aging.earlier(one, days) for one in ids], len(ids)
    await aging.move(stack, ids, days)
    before = await aging.rows_of(stack, found.moved)
    if len(before["gateway.messages"]) != len(ids):
        found.problems.append(f"{len(before['gateway.messages'])} of {len(ids)} messages lie in last month")
    meta = Meta(session, stack.url("webhook") + environment.WEBHOOK_PATH, stack.facts.secrets.app_secret)
    for post in _posts(sends, days):
        if (status := await meta.post(post)) != 200:
            found.problems.append(f"a webhook of last month was answered {status}")
    found.redelivered = len(sends) * len(STATUSES) * 2
    await asyncio.sleep(QUIET_SECONDS)
    after = await aging.rows_of(stack, found.moved)
    found.problems += [f"webhooks that came again changed {table}" for table in before if before[table] != after[table]]


async def _first_sends(stack: Stack, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with session.get(f"{stack.url('sandbox')}/_sandbox/sends?after=0") as answer:
        answer.raise_for_status()
        sends: list[dict[str, Any]] = (await answer.json())["sends"]
    assert len(sends) <= PAGE_MAX
    return [send for send in sends if send["outcome"] == "accepted"][:MESSAGES]


def _posts(sends: list[dict[str, Any]], days: int) -> Iterator[dict[str, Any]]:
    """Each status of each message twice: with our id, as Meta repeats it, and without."""
    by_number: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
    for send in sends:
        by_number[send["phone_number_id"]].append(send)
    for number, those in by_number.items():
        for is_named in (True, False):
            yield envelope(number, statuses=[_status(send, one, days, is_named) for send in those for one in STATUSES])


def _status(send: dict[str, Any], status: str, days: int, is_named: bool) -> dict[str, Any]:
    """As the sandbox told it, on its day in last month."""
    at = time.time() - days * 86_400
    one = {"id": send["wamid"], "status": status, "timestamp": str(int(at)), "recipient_id": send["to"].lstrip("+")}
    ours = str(aging.earlier(UUID(send["biz_opaque_callback_data"]), days))
    return one | ({"biz_opaque_callback_data": ours} if is_named else {})


async def _drop(stack: Stack, found: Rollover) -> None:
    """A worker that starts looks at once for days that are over, as each does every hour."""
    before = await aging.days(stack)
    planted = await aging.plant_old_days(stack)
    found.days_planted, began = len(planted), time.monotonic()
    added = [await asyncio.to_thread(stack.add, name) for name in WORKERS]
    try:
        left = await _left(stack, planted)
    finally:
        for name in added:
            await asyncio.to_thread(stack.remove, name)
    found.dropped_after_seconds = round(time.monotonic() - began, 1)
    found.problems += [f"{name} was not dropped" for name in sorted(left)]
    gone = before - await aging.days(stack)
    found.problems += [f"{name} was dropped, though it is not over" for name in sorted(gone)]


async def _left(stack: Stack, planted: set[str]) -> set[str]:
    deadline = time.monotonic() + DROPPED_SECONDS
    while True:
        left = planted & await aging.days(stack)
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(LOOK_SECONDS)
