"""Writing down what became of claimed messages, a batch in one transaction (hot path)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import repository
from services.gateway.dispatch.metrics import OUTCOMES
from services.gateway.dispatch.questions import Answer
from services.gateway.messages import service as messages
from services.gateway.messages.failures import tell_expired, tell_failed
from services.gateway.messages.service import Move
from services.gateway.messages.states import State
from services.kernel import clock
from services.kernel.contracts import event_id
from services.kernel.contracts.messages import MessageSent
from services.kernel.kafka import outbox

STATES = {"sent": State.SENT, "failed": State.FAILED, "unknown": State.UNKNOWN}


class Result(NamedTuple):
    """What became of one attempt. `requeue` is only for what Meta certainly did not send."""

    tenant_id: UUID
    message_id: UUID
    phone_number_id: str
    person: str
    attempt: int
    outcome: Literal["sent", "failed", "requeue", "unknown"]
    code: int | None = None
    reason: str | None = None
    delay_seconds: float = 0.0
    refund: int = 0
    wamid_index: str | None = None
    wamid: bytes | None = None


async def write(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Record the outcomes; an attempt that is no longer the present one only brings its wamid."""
    ordered = sorted(results, key=lambda result: result.message_id)
    states = await messages.lock(connection, [r.tenant_id for r in ordered], [r.message_id for r in ordered])
    await repository.lock_pairs(connection, [r.phone_number_id for r in ordered], [r.person for r in ordered])
    present = await repository.lock_attempts(connection, [r.message_id for r in ordered], [r.attempt for r in ordered])
    sending = {(row.message_id, row.attempt): row.was_sending for row in present}
    mine = [r for r in ordered if (r.message_id, r.attempt) in sending]
    stale = [r for r in ordered if (r.message_id, r.attempt) not in sending and r.outcome == "sent"]
    await _free_pairs(connection, [r for r in mine if sending[r.message_id, r.attempt]])
    await _move_queue(connection, mine, {id_ for id_, state in states.items() if state >= State.SENT})
    await _move_messages(connection, stale)
    await _move_messages(connection, mine)
    for result in results:
        OUTCOMES.labels(result.outcome).inc()


async def stop(connection: AsyncConnection, stopped: Sequence[tuple[Row[Any], Answer]], *, worker: UUID) -> None:
    """End leased messages that consent stops before their call."""
    rows = sorted((row for row, _ in stopped), key=lambda row: row.message_id)
    answers = {answer.message_id: answer for _, answer in stopped}
    await messages.lock(connection, [row.tenant_id for row in rows], [row.message_id for row in rows])
    await repository.lock_pairs(connection, [row.phone_number_id for row in rows], [row.person for row in rows])
    held = await repository.give_back(
        connection, ids=[row.message_id for row in rows], worker=worker, delay_seconds=0.0
    )
    ours = {row.message_id for row in held}
    await repository.free_pairs(
        connection, [row.phone_number_id for row in held], [row.person for row in held], [1] * len(held)
    )
    await repository.delete(connection, list(ours))
    await end(connection, [_stopped(row, answers[row.message_id]) for row in rows if row.message_id in ours])


async def end(connection: AsyncConnection, moves: Sequence[Move]) -> None:
    """Fail or expire messages, tell their tenants and publish the terminal facts."""
    rows = [row for row in await messages.move(connection, moves) if row.moves]
    await tell_failed(connection, [row for row in rows if row.state == State.FAILED])
    await tell_expired(connection, [row for row in rows if row.state == State.EXPIRED])
    await outbox.add(connection, await messages.endings(connection, [(row.tenant_id, row.id) for row in rows]))


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


async def _free_pairs(connection: AsyncConnection, results: Sequence[Result]) -> None:
    if results:
        await repository.free_pairs(
            connection,
            [result.phone_number_id for result in results],
            [result.person for result in results],
            [result.refund for result in results],
        )


async def _move_queue(connection: AsyncConnection, results: Sequence[Result], settled: set[UUID]) -> None:
    """What Meta has reported on meanwhile is neither sent again nor unknown, whatever this attempt says."""
    now = clock.now()
    done = [r.message_id for r in results if r.outcome in ("sent", "failed") or r.message_id in settled]
    open_ = [r for r in results if r.message_id not in settled]
    again = [r for r in open_ if r.outcome == "requeue"]
    unknown = [r.message_id for r in open_ if r.outcome == "unknown"]
    if done:
        await repository.delete(connection, done)
    if again:
        due = [now + timedelta(seconds=result.delay_seconds) for result in again]
        await repository.requeue(connection, [result.message_id for result in again], due)
    if unknown:
        await repository.turn_unknown(connection, unknown, now)


async def _move_messages(connection: AsyncConnection, results: Sequence[Result]) -> None:
    now = clock.now()
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
            sent_at=now if result.outcome == "sent" else None,
        )
        for result in results
        if result.outcome in STATES
    ]
    if moves:
        await end(connection, moves)
        await outbox.add(connection, [_sent(result) for result in results if result.outcome == "sent"])


def _sent(result: Result) -> MessageSent:
    assert result.wamid_index is not None
    return MessageSent(
        id=event_id(result.message_id, "sent"),
        occurred_at=clock.now(),
        tenant_id=result.tenant_id,
        message_id=result.message_id,
        person=result.person,
        attempt=result.attempt,
        wamid_index=result.wamid_index,
    )
