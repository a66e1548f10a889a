"""Deciding about messages in batches, and answering the question right before their calls (hot path)."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import decisions, repository, rules
from services.consent.clearance.decisions import Case, Decision
from services.consent.clearance.metrics import ANSWERS, BLOCKS_UNMATCHED, DECISIONS
from services.consent.clearance.rules import Answer, Ground
from services.consent.consents import service as consents
from services.consent.policy import service as policy
from services.consent.windows import service as windows
from services.kernel import clock
from services.kernel.contracts import Event
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.contracts.outcomes import MessageFailed
from services.kernel.contracts.statuses import StatusReported
from services.kernel.tenants import TenantDirectory

STOPPED_AT_META = 131050
UNKNOWN_CLASS = "?"  # no tenant's class: its fact has not arrived, and only rules for everybody speak

ClassOf = Callable[[UUID], str]
Stopped = tuple[policy.Subject, Ground, policy.Verdict]


def classes(directory: TenantDirectory) -> ClassOf:
    """The class of a tenant as policy rules name it."""

    def class_of(tenant_id: UUID) -> str:
        tenant = directory.tenant(tenant_id)
        return tenant.tenant_class if tenant else UNKNOWN_CLASS

    return class_of


async def decide(
    connection: AsyncConnection, messages: Sequence[MessageAccepted], *, book: policy.Book, class_of: ClassOf
) -> list[Event]:
    """Decide about the messages that are new; answers for all of them, the same at every delivery."""
    made = await judge(connection, messages, book=book, class_of=class_of)
    if await repository.add(connection, made) < len(made):  # some were decided before: what was said then counts
        made = await repository.decided(connection, [(one.tenant_id, one.message_id) for one in messages])
    for outcome, count in Counter([one.reason or "cleared" for one in made]).items():
        DECISIONS.labels(outcome).inc(count)
    return [decisions.fact_of(one, message) for one, message in zip(made, messages, strict=True)]


async def judge(
    connection: AsyncConnection,
    cases: Sequence[Case | MessageAccepted],
    *,
    book: policy.Book,
    class_of: ClassOf,
) -> list[Decision]:
    """What would be decided now; nothing is kept."""
    now = clock.now()
    judge = await book.judge(connection, now)
    purposes = [rules.purpose_of(case.kind, case.category) for case in cases]
    grounds = await repository.grounds(connection, cases, purposes)
    made = []
    for case, purpose, ground in zip(cases, purposes, grounds, strict=True):
        tenant_class = class_of(case.tenant_id)
        verdict = judge.judge(policy.Subject(case.tenant_id, tenant_class, case.category, case.country))
        made.append(
            decisions.decide(case, purpose=purpose, tenant_class=tenant_class, verdict=verdict, ground=ground, now=now)
        )
    return made


async def answer(
    connection: AsyncConnection,
    questions: Sequence[tuple[UUID, UUID]],
    *,
    book: policy.Book,
    class_of: ClassOf,
    is_inbound_behind: bool,
) -> list[Answer]:
    """May the calls of these messages (tenant id, message id) start now? While STOPs may wait unread, none may."""
    now = clock.now()
    judge = await book.judge(connection, now)
    stopped: dict[tuple[UUID, UUID], Stopped] = {}
    answers = []
    for question, found in zip(questions, await repository.questioned(connection, questions), strict=True):
        if found is None:
            answers.append(Answer(message_id=question[1], answer="wait"))
            continue
        row, ground = found
        subject = policy.Subject(question[0], class_of(question[0]), row.category, row.country)
        verdict = judge.judge(subject)
        if subject.tenant_class == UNKNOWN_CLASS and row.code is None:  # a rule for its class might say otherwise
            answers.append(Answer(message_id=question[1], answer="wait"))
            continue
        one = _answer(question[1], row, ground, verdict, now=now, is_inbound_behind=is_inbound_behind)
        if one.code is not None and row.code is None:
            stopped[question] = subject, ground, verdict
        answers.append(one)
    if stopped:
        await _keep_stops(connection, stopped, now)
    for outcome, count in Counter([one.answer for one in answers]).items():
        ANSWERS.labels(outcome).inc(count)
    return answers


async def learn_from_reports(connection: AsyncConnection, reports: Sequence[StatusReported]) -> list[Event]:
    """A 131050 is a withdrawal of marketing that we were not told of (billing-consent-keys 2.4, C10).

    A message that Meta sent may be the answer that opens an entry point.
    """
    await _answer_referrals(connection, [report for report in reports if report.status == "sent"])
    asked = {
        report.id: (report.tenant_id, report.message_id)
        for report in reports
        if report.status == "failed" and report.error_code == STOPPED_AT_META and report.message_id is not None
    }
    if not asked:
        return []
    persons = await repository.persons(connection, set(asked.values()))
    signals = [
        consents.block(report.tenant_id, persons[asked[report.id]], report.id, report.occurred_at)
        for report in reports
        if report.id in asked and asked[report.id] in persons
    ]
    BLOCKS_UNMATCHED.inc(len(asked) - len({signal.cause for signal in signals}))
    return await consents.apply_signals(connection, signals)


async def learn_from_failures(connection: AsyncConnection, failures: Sequence[MessageFailed]) -> list[Event]:
    """The same where Meta answered the call itself with 131050 and reports nothing more.

    What we refused or stopped under that code is no word of Meta's.
    """
    failed = [failure for failure in failures if failure.code == STOPPED_AT_META]
    if not failed:
        return []
    persons = await repository.persons_called(connection, {(one.tenant_id, one.message_id) for one in failed})
    signals = [
        consents.block(one.tenant_id, persons[one.tenant_id, one.message_id], one.id, one.occurred_at)
        for one in failed
        if (one.tenant_id, one.message_id) in persons
    ]
    return await consents.apply_signals(connection, signals)


async def _answer_referrals(connection: AsyncConnection, reports: Sequence[StatusReported]) -> None:
    """Hardly anybody comes from an ad: as a rule the first look is all."""
    if not await windows.may_be_answers(connection, [report.occurred_at for report in reports]):
        return
    asked = [(report, (report.tenant_id, report.message_id)) for report in reports if report.message_id is not None]
    persons = await repository.persons(connection, {key for _, key in asked})
    answered = [
        windows.Answered(report.tenant_id, report.phone_number_id, persons[key], report.occurred_at)
        for report, key in asked
        if key in persons
    ]
    if answered:
        await windows.answer(connection, answered)


def _answer(
    message_id: UUID, row: Any, ground: Ground, verdict: policy.Verdict, *, now: datetime, is_inbound_behind: bool
) -> Answer:
    if row.code is not None:
        return Answer(message_id=message_id, answer="stop", code=row.code, reason=row.reason)
    if row.expires_at <= now:
        return Answer(message_id=message_id, answer="stop", reason="expired")
    refusal = rules.judge(verdict, row.kind, ground, now, row.origin)
    if refusal is not None:
        return Answer(message_id=message_id, answer="stop", code=refusal.code, reason=refusal.reason)
    return Answer(message_id=message_id, answer="wait" if is_inbound_behind else "send")


async def _keep_stops(connection: AsyncConnection, stopped: dict[tuple[UUID, UUID], Stopped], now: datetime) -> None:
    """The trace must say later what was known when a cleared message was stopped."""
    kept = []
    for cleared in await repository.decided(connection, list(stopped)):
        subject, ground, verdict = stopped[cleared.tenant_id, cleared.message_id]
        kept.append(decisions.decide_anew(cleared, subject.tenant_class, verdict, ground, now))
    await repository.add_stops(connection, kept)
