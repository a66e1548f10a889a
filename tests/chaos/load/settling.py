"""Waiting until nothing more can be expected to happen to the messages of a round."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.chaos.load.asking import CHARGES, MESSAGES, ask, pages
from tests.chaos.load.book import FINAL, Book
from tests.chaos.load.cast import Member
from tests.chaos.load.meta import WENT_OUT, Meta, statuses_of

LOOK_SECONDS = 1.0
UNDER_WAY = ("accepted", "cleared", "funded", "sending", "unknown")


async def settled(members: Sequence[Member], book: Book, meta: Meta, *, seconds: float) -> None:
    """Return when all has been told and booked, or after so long: what is missing then is the judge's."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _told(book, meta)
            await _ended(members)
            await _booked(members, _silent_ones(meta))


async def _told(book: Book, meta: Meta) -> None:
    """Every status that Meta reports and every text reached its tenant, and every other message its end."""
    expected: set[tuple[str, str]] = set()
    went_out: set[str] = set()
    seen = 0
    while True:
        await meta.read()
        for row in meta.rows[seen:]:
            expected |= {(row["biz_opaque_callback_data"], status) for status in statuses_of(row)}
            if row["outcome"] in WENT_OUT:
                went_out.add(row["biz_opaque_callback_data"])
        seen = len(meta.rows)
        expected -= book.told
        untold = book.answered.keys() - book.settled - went_out
        if not expected and not untold and book.written <= book.heard:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _ended(members: Sequence[Member]) -> None:
    """By the API nothing is under way any more; callbacks say nothing of those of whom Meta reports nothing."""
    left = list(members)
    while left:
        left = [member for member in left if await pages(member.tenant, MESSAGES, UNDER_WAY)]
        await asyncio.sleep(LOOK_SECONDS if left else 0)


def _silent_ones(meta: Meta) -> set[str]:
    """The messages of which Meta reports nothing final: their price stays held."""
    went_out = [row for row in meta.rows if row["outcome"] in WENT_OUT]
    reported = {row["biz_opaque_callback_data"] for row in went_out if FINAL & set(statuses_of(row))}
    return {row["biz_opaque_callback_data"] for row in went_out} - reported


async def _booked(members: Sequence[Member], silent: set[str]) -> None:
    """Billing holds no money but for those of whom Meta reports nothing, and no balance changes any more."""
    before: list[object] = []
    while True:
        held = [one["message_id"] for member in members for one in await pages(member.tenant, CHARGES, ["reserved"])]
        now = [(await ask(member.tenant, "/v1/billing/balance")).body for member in members]
        if silent.issuperset(held) and now == before:
            return
        before = now
        await asyncio.sleep(2 * LOOK_SECONDS)
