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
from services.gateway.turns.repository import Pair, Ready
from services.kernel.contracts.statuses import StatusReported

__all__ = [
    "Claimed",
    "Pair",
    "Park",
    "Slots",
    "change_pairs",
    "claim",
    "forget_pairs",
    "note_reports",
    "park",
    "step_aside",
]

# What a number shows of its queue at least, and how far into it a claim looks for messages whose pairs have a turn.
SHARE_MIN = 4
HEAD_MAX = 500
# Messages that must wait for their pair leave the head of the queue for as long as a pair's next token takes.
ASIDE_SECONDS = 6.0
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
    ready = [
        _ready(row, slots, in_flight.get(row.phone_number_id, 0)) for row in await repository.take_numbers(connection)
    ]
    numbers = [number for number in ready if number.express]
    if not numbers:
        return Claimed([], [])
    share = max(SHARE_MIN, ceil(slots.all / len(numbers)))
    rows = await repository.claim(
        connection,
        numbers,
        worker=worker,
        slots=slots.all,
        bulk_slots=slots.bulk,
        share=share,
        head_max=HEAD_MAX,
        lease_seconds=lease_seconds,
    )
    served = Counter(row.phone_number_id for row in rows)
    has_room = len(rows) < slots.bulk
    return Claimed(
        rows,
        [one.phone_number_id for one in numbers if has_room and one.phone_number_id not in served],
        is_more=any(count >= share for count in served.values()),
    )


async def step_aside(connection: AsyncConnection, stuck: list[str]) -> int:
    """Clear the way to messages behind a crowd that waits for its pairs; returns how many stepped aside."""
    return await repository.step_aside(connection, stuck, head_max=HEAD_MAX, aside_seconds=ASIDE_SECONDS)


async def park(connection: AsyncConnection, parks: Iterable[Park]) -> None:
    """Let numbers rest that Meta takes nothing from; all others go on."""
    whole: dict[str, datetime] = {}
    bulk: dict[str, datetime] = {}
    for one in parks:
        untils = bulk if one.is_bulk_only else whole
        untils[one.phone_number_id] = max(one.until, untils.get(one.phone_number_id, one.until))
    numbers = sorted({*whole, *bulk})
    if numbers:
        await repository.park(
            connection, numbers, whole=[whole.get(one) for one in numbers], bulk=[bulk.get(one) for one in numbers]
        )


async def change_pairs(connection: AsyncConnection, pairs: Sequence[Pair]) -> None:
    """Give tokens back, or let pairs wait that Meta found too busy."""
    if pairs:
        await repository.change_pairs(connection, pairs)


async def forget_pairs(connection: AsyncConnection, after: tuple[str, str], count: int) -> tuple[str, str]:
    """Look at the next pairs behind `after` and remove those that limit nothing; returns where to go on."""
    last = await repository.forget_pairs(connection, after, count=count, old_seconds=PAIRS_FORGOTTEN_AFTER_SECONDS)
    return last or ("", "")


async def note_reports(connection: AsyncConnection, reports: Iterable[StatusReported]) -> None:
    """Reports of these numbers arrive, so silence about an ambiguous send begins to mean something."""
    latest: dict[str, datetime] = {}
    for report in reports:
        known = latest.get(report.phone_number_id)
        if known is None or report.occurred_at > known:
            latest[report.phone_number_id] = report.occurred_at
    if latest:
        await repository.heard(connection, list(latest), list(latest.values()))


def _ready(row: Row[Any], slots: Slots, in_flight: int) -> Ready:
    express = max(0, min(int(row.tokens), slots.of_number - in_flight))
    bulk = 0 if row.is_bulk_parked else max(0, min(express, slots.bulk_of_number - in_flight))
    return Ready(row.phone_number_id, row.tokens, express, bulk)
