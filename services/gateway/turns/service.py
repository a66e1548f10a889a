"""Claiming what may be sent now: fairly among numbers, express first, exactly within Meta's limits (hot path)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.turns import repository
from services.gateway.turns.repository import Pair
from services.kernel.contracts.statuses import StatusReported

__all__ = [
    "FIRST_PAIR",
    "Claimed",
    "Pair",
    "Park",
    "Slots",
    "change",
    "claim",
    "forget_pairs",
    "note_reports",
    "step_aside",
]

# What a number shows of its queue at least, and how far into it a claim looks for messages whose pairs have a turn.
SHARE_MIN = 4
HEAD_MAX = 500
# Messages that must wait for their pair leave the head of the queue for as long as a pair's next token takes.
ASIDE_SECONDS = 6.0
EXPRESS_LANE, BOTH_LANES = [0], [0, 1]
FIRST_PAIR = -(2**63)
PAIRS_FORGOTTEN_AFTER_SECONDS = 3_600.0


class Park(NamedTuple):
    """A number rests until then; with `is_bulk_only` its answers go on."""

    phone_number_id: str
    until: datetime
    is_bulk_only: bool


class Slots(NamedTuple):
    """How many messages a worker has room for: altogether, of mailings, and of any one number."""

    all: int
    bulk: int
    of_number: int
    bulk_of_number: int


class Claimed(NamedTuple):
    """What was leased; and the numbers that had tokens, due messages and room, and nobody whose turn it was.

    With `is_more` some number gave its whole share and may have more.
    """

    rows: Sequence[Row[Any]]
    stuck: list[str]
    is_more: bool = False


async def claim(
    connection: AsyncConnection, *, worker: UUID, slots: Slots, in_flight: Mapping[str, int], lease_seconds: float
) -> Claimed:
    """Lease due messages; `in_flight` is what each number has in the worker's window already."""
    found = await repository.claim(
        connection,
        {
            "worker": worker,
            "lanes": BOTH_LANES if slots.bulk else EXPRESS_LANE,
            "slots": slots.all,
            "bulk_slots": slots.bulk,
            "of_number": slots.of_number,
            "bulk_of_number": slots.bulk_of_number,
            "busy_numbers": list(in_flight.keys()),
            "busy": list(in_flight.values()),
            "share_min": SHARE_MIN,
            "head_max": HEAD_MAX,
            "lease_seconds": lease_seconds,
        },
    )
    rows = [row for row in found if row.message_id is not None]
    served = Counter(row.phone_number_id for row in rows)
    stuck = [row.phone_number_id for row in found if row.message_id is None]
    share = max(SHARE_MIN, ceil(slots.all / max(1, len(served) + len(stuck))))
    has_room = len(rows) < slots.bulk
    return Claimed(rows, stuck if has_room else [], is_more=any(count >= share for count in served.values()))


async def step_aside(connection: AsyncConnection, stuck: list[str]) -> int:
    """Clear the way to messages behind a crowd that waits for its pairs; returns how many stepped aside."""
    return await repository.step_aside(connection, stuck, head_max=HEAD_MAX, aside_seconds=ASIDE_SECONDS)


async def change(connection: AsyncConnection, *, parks: Iterable[Park] = (), pairs: Sequence[Pair] = ()) -> None:
    """Let numbers rest that Meta takes nothing from, and pairs that it found too busy; give back what was not used.

    First buckets, then pairs.
    """
    whole: dict[str, datetime] = {}
    bulk: dict[str, datetime] = {}
    for one in parks:
        untils = bulk if one.is_bulk_only else whole
        untils[one.phone_number_id] = max(one.until, untils.get(one.phone_number_id, one.until))
    refunds: Counter[str] = Counter()
    for pair in pairs:
        refunds[pair.phone_number_id] += pair.refund
    numbers = sorted({*whole, *bulk, *refunds})
    if numbers:
        await repository.change_numbers(
            connection,
            numbers,
            whole=[whole.get(one) for one in numbers],
            bulk=[bulk.get(one) for one in numbers],
            refunds=[refunds[one] for one in numbers],
        )
    if pairs:
        await repository.change_pairs(connection, pairs)


async def forget_pairs(connection: AsyncConnection, after: int, count: int) -> int:
    """Look at the next pairs behind `after` and remove those that limit nothing; returns where to go on."""
    last = await repository.forget_pairs(connection, after, count=count, old_seconds=PAIRS_FORGOTTEN_AFTER_SECONDS)
    return FIRST_PAIR if last is None else last


async def note_reports(connection: AsyncConnection, reports: Iterable[StatusReported]) -> None:
    """Reports of these numbers arrive, so silence about an ambiguous send begins to mean something."""
    latest: dict[str, datetime] = {}
    for report in reports:
        known = latest.get(report.phone_number_id)
        if known is None or report.occurred_at > known:
            latest[report.phone_number_id] = report.occurred_at
    if latest:
        await repository.heard(connection, list(latest), list(latest.values()))
