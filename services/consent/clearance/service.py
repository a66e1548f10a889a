"""Deciding about messages in batches, and answering the question right before their calls (hot path)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import repository, rules
from services.consent.clearance.metrics import ANSWERS, BLOCKS_UNMATCHED, DECISIONS
from services.consent.clearance.repository import Decision
from services.consent.clearance.rules import Answer, Ground
from services.consent.consents import service as consents
from services.consent.policy import service as policy
from services.kernel import clock
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import MessageCleared, MessageRefused, TraceStep
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.contracts.statuses import StatusReported

STOPPED_AT_META = 131050

ClassOf = Callable[[UUID], str]

_trace_encoder = msgspec.json.Encoder()
_trace_decoder = msgspec.json.Decoder(tuple[TraceStep, ...])


async def decide(connection: AsyncConnection, messages: Sequence[MessageAccepted], *, class_of: ClassOf) -> list[Event]:
    """Decide about the messages that are new; answers for all of them, the same at every delivery."""
    now = clock.now()
    in_force = await policy.rules(connection, now)
    wanted = [(message, rules.purpose_of(message.kind, message.category)) for message in messages]
    grounds = await repository.grounds(connection, wanted)
    decisions = []
    for message, purpose in wanted:
        subject = policy.Subject(class_of(message.tenant_id), message.category, message.country)
        verdict = policy.judge(in_force, subject)
        decisions.append(_decide(message, purpose, verdict=verdict, ground=grounds[message.message_id], now=now))
    await repository.add(connection, decisions)
    rows = await repository.decided(connection, {(one.tenant_id, one.message_id) for one in messages})
    # An acceptance says the same at every delivery, also when the gateway publishes it again.
    prices = {message.message_id: message.max_price_micros for message in messages}
    return [_fact(row, prices[row.message_id]) for row in rows]


async def answer(
    connection: AsyncConnection, questions: Sequence[tuple[UUID, UUID]], *, is_inbound_behind: bool
) -> list[Answer]:
    """May the calls of these messages (tenant id, message id) start now? While STOPs may wait unread, none may."""
    now = clock.now()
    rows = await repository.questioned(connection, questions)
    known = {(row.tenant_id, row.message_id): row for row in rows}
    answers = [_answer(one[1], known.get(one), now, is_inbound_behind) for one in questions]
    for one in answers:
        ANSWERS.labels(one.answer).inc()
    return answers


async def learn_from_reports(connection: AsyncConnection, reports: Sequence[StatusReported]) -> list[Event]:
    """A 131050 is a withdrawal of marketing that we were not told of (billing-consent-keys 2.4, C10)."""
    asked = {
        report.id: (report.tenant_id, report.message_id)
        for report in reports
        if report.status == "failed" and report.error_code == STOPPED_AT_META and report.message_id is not None
    }
    if not asked:
        return []
    persons = await repository.persons(connection, asked.values())
    signals = [
        consents.block(report.tenant_id, persons[asked[report.id]], report.id, report.occurred_at)
        for report in reports
        if report.id in asked and asked[report.id] in persons
    ]
    BLOCKS_UNMATCHED.inc(len(asked) - len({signal.cause for signal in signals}))
    return await consents.apply_signals(connection, signals)


def _decide(
    message: MessageAccepted, purpose: Purpose, *, verdict: policy.Verdict, ground: Ground, now: datetime
) -> Decision:
    trace = [rules.trace_policy(verdict)]
    refusal = rules.judge_policy(verdict)
    if refusal is None:
        refusal = rules.judge_ground(message.kind, ground, now)
        trace.append(rules.trace_ground(message.kind, ground, refusal))
    return Decision(
        message=message,
        purpose=purpose,
        basis=None if refusal else rules.basis_of(message.kind),
        ground=ground,
        window_expires_at=ground.window_expires_at if ground.is_window_open(now) else None,
        refusal=refusal,
        trace=_trace_encoder.encode(trace).decode(),
        decided_at=now,
    )


def _fact(row: Any, max_price_micros: int | None) -> MessageCleared | MessageRefused:
    stage = "cleared" if row.is_cleared else "refused"
    DECISIONS.labels(row.reason or stage).inc()
    common = {
        "id": event_id(row.message_id, stage),
        "occurred_at": row.decided_at,
        "tenant_id": row.tenant_id,
        "message_id": row.message_id,
        "person": row.person,
        "trace": _trace_decoder.decode(row.trace),
    }
    if not row.is_cleared:
        return MessageRefused(**common, code=row.code, reason=row.reason)
    return MessageCleared(
        **common,
        kind=row.kind,
        category=row.category,
        basis=row.basis,
        window_expires_at=row.window_expires_at,
        expires_at=row.expires_at,
        max_price_micros=max_price_micros,
    )


def _answer(message_id: UUID, row: Any | None, now: datetime, is_inbound_behind: bool) -> Answer:
    if row is None:
        return Answer(message_id=message_id, answer="wait")
    if not row.is_cleared:
        return Answer(message_id=message_id, answer="stop", code=row.code, reason=row.reason)
    if row.expires_at <= now:
        return Answer(message_id=message_id, answer="stop", reason="expired")
    refusal = rules.judge_ground(row.kind, repository.ground_of(row), now)
    if refusal is not None:
        return Answer(message_id=message_id, answer="stop", code=refusal.code, reason=refusal.reason)
    return Answer(message_id=message_id, answer="wait" if is_inbound_behind else "send")
