"""Waiting until nothing more can be expected to happen to the messages of a round."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.chaos.load.asking import ask, charges, each
from tests.chaos.load.book import FINAL, Book
from tests.chaos.load.cast import Member
from tests.chaos.load.meta import WENT_OUT, Meta, statuses_of

LOOK_SECONDS = 1.0
SETTLED_STATES = frozenset({"sent", "delivered", "read", "failed", "expired"})


async def settled(members: Sequence[Member], book: Book, meta: Meta, *, seconds: float) -> None:
    """Return when all has been told and booked, or after so long: what is missing then is the judge's."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _told(book, meta)
            silent = await _silent_ones(members, book, meta)
            await _booked(members, silent)


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


async def _silent_ones(members: Sequence[Member], book: Book, meta: Meta) -> set[str]:
    """The messages of which Meta reports nothing final, once the API says that those of clients went out or ended."""
    by_name = {member.part.name: member for member in members}
    reported = {row["biz_opaque_callback_data"] for row in meta.rows if FINAL & set(statuses_of(row))}
    waiting = list(book.answered.keys() - book.settled - reported)
    while waiting:
        states = await each(waiting, lambda one: _state(by_name[book.tenants[one]], one))
        waiting = [one for one, state in zip(waiting, states, strict=True) if state not in SETTLED_STATES]
        await asyncio.sleep(LOOK_SECONDS if waiting else 0)
    return {row["biz_opaque_callback_data"] for row in meta.rows if row["outcome"] in WENT_OUT} - reported


async def _state(member: Member, message_id: str) -> str:
    return str((await ask(member.tenant, f"/v1/messages/{message_id}")).body["state"])


async def _booked(members: Sequence[Member], silent: set[str]) -> None:
    """Billing holds no money but for those of whom Meta reports nothing, and no balance changes any more."""
    before: list[object] = []
    while True:
        held = [one["message_id"] for member in members for one in await charges(member.tenant, state="reserved")]
        now = [(await ask(member.tenant, "/v1/billing/balance")).body for member in members]
        if silent.issuperset(held) and now == before:
            return
        before = now
        await asyncio.sleep(2 * LOOK_SECONDS)
