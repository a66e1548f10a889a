"""Writing down what became of claimed messages, a batch in one transaction (hot path)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import repository
from services.gateway.dispatch.fates import Parks
from services.gateway.dispatch.metrics import OUTCOMES, PARKED
from services.gateway.dispatch.questions import Answer
from services.gateway.messages import service as messages
from services.gateway.messages.failures import tell_expired, tell_failed
from services.gateway.messages.service import Move
from services.gateway.messages.states import State
from services.gateway.turns import service as turns
from services.gateway.turns.service import Pair, Park
from services.kernel import clock
from services.kernel.kafka import outbox

# The promise: a call begins within a second of the question, so that a withdrawal is obeyed.
CALL_WITHIN = timedelta(seconds=1)
# A message that waits for another attempt does not go back to where it was before its first one.
STATES = {"sent": State.SENT, "failed": State.FAILED, "unknown": State.UNKNOWN, "requeue": State.SENDING}


class Result(NamedTuple):
    """What became of one attempt. `requeue` is only for what Meta certainly did not send.

    `asked_at`: when consent was asked, which is when the attempt began. `refund`: the call did not begin.
    """

    tenant_id: UUID
    message_id: UUID
    phone_number_id: str
    person: str
    attempt: int
    asked_at: datetime
    outcome: Literal["sent", "failed", "requeue", "unknown"]
    code: int | None = None
    reason: str | None = None
    delay_seconds: float = 0.0
    parks: Parks | None = None
    refund: int = 0
    wamid_index: str | None = None
    wamid: bytes | None = None


async def write(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Record the outcomes; an attempt that is no longer the present one only brings its wamid."""
    ordered = sorted(results, key=attrgetter("message_id"))
    now = clock.now()
    if all(result.outcome == "sent" for result in ordered) and len({r.message_id for r in ordered}) == len(ordered):
        await _write_sent(connection, ordered, now)
    else:
        await _write_mixed(connection, ordered, now)
    for outcome, count in Counter(result.outcome for result in results).items():
        OUTCOMES.labels(outcome).inc(count)


async def _write_sent(connection: AsyncConnection, ordered: Sequence[Result], now: datetime) -> None:
    """What was sent is sent, whichever attempt it was: no state needs to be known before, and moving locks the rows."""
    await _move_messages(connection, ordered, now)
    await repository.settle(connection, _fates(ordered, set(), now), at=now)


async def _write_mixed(connection: AsyncConnection, ordered: Sequence[Result], now: datetime) -> None:
    states = await messages.lock(connection, [r.tenant_id for r in ordered], [r.message_id for r in ordered])
    settled = {id_ for id_, state in states.items() if state >= State.SENT}
    present = await repository.settle(connection, _fates(ordered, settled, now), at=now)
    sending = {(row.message_id, row.attempt): row.was_sending for row in present}
    mine = [r for r in ordered if (r.message_id, r.attempt) in sending]
    stale = [r for r in ordered if (r.message_id, r.attempt) not in sending and r.outcome == "sent"]
    await _limit(connection, [r for r in mine if sending[r.message_id, r.attempt]], now)
    await _move_messages(connection, stale, now)
    await _move_messages(connection, mine, now)


async def stop(connection: AsyncConnection, stopped: Sequence[tuple[Row[Any], Answer]], *, worker: UUID) -> None:
    """End leased messages that consent stops before their call."""
    rows = sorted((row for row, _ in stopped), key=lambda row: row.message_id)
    answers = {answer.message_id: answer for _, answer in stopped}
    await messages.lock(connection, [row.tenant_id for row in rows], [row.message_id for row in rows])
    held = await repository.give_back(
        connection, ids=[row.message_id for row in rows], worker=worker, delay_seconds=0.0
    )
    ours = {row.message_id for row in held}
    await turns.change(connection, pairs=[Pair(row.phone_number_id, row.person, refund=1) for row in held])
    await repository.delete(connection, list(ours))
    await end(connection, [_stopped(row, answers[row.message_id]) for row in rows if row.message_id in ours])


async def end(connection: AsyncConnection, moves: Sequence[Move]) -> None:
    """Fail or expire messages, tell their tenants and publish the terminal facts."""
    rows = [row for row in await messages.move(connection, moves) if row.moves]
    failed = [row for row in rows if row.state == State.FAILED]
    expired = [row for row in rows if row.state == State.EXPIRED]
    await tell_failed(connection, failed)
    await tell_expired(connection, expired)
    await outbox.add(connection, [messages.ending(row) for row in (*failed, *expired)])


def _stopped(row: Row[Any], answer: Answer) -> Move:
    is_expired = answer.reason == "expired"
    return Move(
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        state=State.EXPIRED if is_expired else State.FAILED,
        at=clock.now(),
        code=answer.code,
        reason=answer.reason,
    )


def _fates(results: Sequence[Result], settled: set[UUID], now: datetime) -> dict[str, list[Any]]:
    """What Meta has reported on meanwhile is neither sent again nor unknown, whatever this attempt says."""
    unsettled = [result.message_id not in settled for result in results]
    return {
        "ids": [result.message_id for result in results],
        "attempts": [result.attempt for result in results],
        "due": [
            now + timedelta(seconds=result.delay_seconds) if is_open and result.outcome == "requeue" else None
            for result, is_open in zip(results, unsettled, strict=True)
        ],
        "unknown": [
            is_open and result.outcome == "unknown" for result, is_open in zip(results, unsettled, strict=True)
        ],
        "called": [not result.refund for result in results],
    }


async def _limit(connection: AsyncConnection, results: Sequence[Result], now: datetime) -> None:
    """Let rest what Meta takes nothing from, and give back what was not used: first buckets, then pairs."""
    parks, pairs = [], []
    for result in results:
        until = now + timedelta(seconds=result.delay_seconds)
        if result.parks in (Parks.NUMBER, Parks.MAILINGS):
            parks.append(Park(result.phone_number_id, until, result.parks is Parks.MAILINGS))
            PARKED.labels(result.parks.value).inc()
        if result.parks is Parks.PAIR or result.refund:
            until_ = until if result.parks is Parks.PAIR else None
            pairs.append(Pair(result.phone_number_id, result.person, result.refund, until_))
    await turns.change(connection, parks=parks, pairs=pairs)


async def _move_messages(connection: AsyncConnection, results: Sequence[Result], now: datetime) -> None:
    moves = [
        Move(
            tenant_id=result.tenant_id,
            message_id=result.message_id,
            state=STATES[result.outcome],
            at=now,
            code=result.code,
            reason=result.reason,
            wamid_index=result.wamid_index,
            wamid=result.wamid,
            sending_at=result.asked_at,
            sent_at=now if result.outcome == "sent" else None,
        )
        for result in results
    ]
    await end(connection, moves)
