"""Applying Meta's reports: states move forward, tenants hear of each report once (hot path)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.messages import service as messages
from services.gateway.messages.reasons import reason_of
from services.gateway.messages.service import Move
from services.gateway.messages.states import Reported, State
from services.gateway.reports import repository
from services.kernel import clock
from services.kernel.contracts import event_id
from services.kernel.contracts.outcomes import MessageReported
from services.kernel.contracts.statuses import Pricing, StatusReported
from services.kernel.kafka import outbox

KEEP_DAYS = 8  # Meta repeats a report for seven days
STATES = {"sent": State.SENT, "delivered": State.DELIVERED, "read": State.READ, "failed": State.FAILED}
REACH = {"sent": 0, "failed": 1, "delivered": 2, "read": 3}  # what reports of one batch say together
BITS = {
    "sent": Reported.SENT.value,
    "delivered": Reported.DELIVERED.value,
    "read": Reported.READ.value,
    "failed": Reported.FAILED.value,
}
TOPICS = {status: f"statuses.{status}" for status in STATES}

Subject = tuple[int, int]  # a tenant and a message: numbers, because hashing a UUID is slow

_encode = msgspec.json.Encoder().encode


class _Error(msgspec.Struct, frozen=True, gc=False):
    code: int
    title: str


class _Content(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Of a CallbackFact; bytes are written in base64."""

    status: str
    pricing: Pricing | None = None
    error: _Error | None = None
    sealed_details: bytes | None = None


class Applied(NamedTuple):
    """Messages of Meta's that may still wait to be sent, and whether there may be more kept reports to look at."""

    waiting: list[UUID]
    is_more: bool


async def apply(connection: AsyncConnection, reports: Sequence[StatusReported]) -> list[UUID]:
    """Apply reports, each once however often it comes; returns messages of Meta's that may still wait to be sent.

    A report without our id is matched by Meta's; one that matches nothing yet is kept.
    """
    known, unknown = await _identify(connection, reports)
    if unknown:
        await _keep(connection, unknown)
    return await _apply(connection, known)


async def apply_kept(connection: AsyncConnection, count: int) -> Applied:
    """Apply kept reports whose message is known by now, and forget those that nobody can own any more.

    When they were kept, no message had Meta's id: only one that was named later can own them.
    """
    first_id, last_id = messages.to_be_named(clock.now() - timedelta(days=KEEP_DAYS))
    rows = await repository.take_matched(connection, count=count, days=KEEP_DAYS, first_id=first_id, last_id=last_id)
    matched = [row for row in rows if row.message_id is not None]
    known = [(row.message_id, msgspec.json.decode(row.report, type=StatusReported)) for row in matched]
    return Applied(await _apply(connection, known), is_more=rows[0].looked_at == count)


async def _identify(
    connection: AsyncConnection, reports: Sequence[StatusReported]
) -> tuple[list[tuple[UUID, StatusReported]], list[StatusReported]]:
    known = [(report.message_id, report) for report in reports if report.message_id is not None]
    nameless = [report for report in reports if report.message_id is None]
    if not nameless:
        return known, []
    found = await messages.match(
        connection,
        [report.tenant_id for report in nameless],
        [report.wamid_index for report in nameless],
        since=min(report.occurred_at for report in nameless),
    )
    unknown = []
    for report in nameless:
        if row := found.get((report.tenant_id, report.wamid_index)):
            known.append((row.id, report))
        else:
            unknown.append(report)
    return known, unknown


async def _apply(connection: AsyncConnection, reports: Sequence[tuple[UUID, StatusReported]]) -> list[UUID]:
    if not reports:
        return []
    moves = [_fold(message_id, group) for message_id, group in _by_message(reports)]
    rows = await messages.move(connection, moves)
    await outbox.add(connection, _matched(reports))
    await callbacks.enqueue(connection, _news(reports, {(row.tenant_id.int, row.id.int): row for row in rows}))
    return sorted(row.id for row in rows if row.was_state is not None and row.was_state < State.SENT)


def _matched(reports: Iterable[tuple[UUID, StatusReported]]) -> list[MessageReported]:
    """What billing cannot know: which messages the reports without our id are about."""
    return [
        MessageReported(
            id=event_id(message_id, f"reported:{report.status}"),
            occurred_at=report.occurred_at,
            tenant_id=report.tenant_id,
            message_id=message_id,
            status=report.status,
        )
        for message_id, report in reports
        if report.message_id is None and report.status != "sent"
    ]


def _by_message(reports: Iterable[tuple[UUID, StatusReported]]) -> Iterable[tuple[UUID, list[StatusReported]]]:
    groups: dict[Subject, tuple[UUID, list[StatusReported]]] = {}
    for message_id, report in reports:
        subject = (report.tenant_id.int, message_id.int)
        if (group := groups.get(subject)) is not None:
            group[1].append(report)
        else:
            groups[subject] = (message_id, [report])
    return groups.values()


def _fold(message_id: UUID, reports: Sequence[StatusReported]) -> Move:
    """One move for all reports of a message: the furthest state, and every moment that Meta named."""
    times = {report.status: report.occurred_at for report in reports}
    furthest = max(reports, key=_reach) if len(reports) > 1 else reports[0]
    is_failed = furthest.status == "failed"
    return Move(
        tenant_id=furthest.tenant_id,
        message_id=message_id,
        state=STATES[furthest.status],
        at=furthest.occurred_at,
        code=furthest.error_code or 0 if is_failed else None,
        reason=reason_of(furthest.error_code or 0) if is_failed else None,
        wamid_index=furthest.wamid_index,
        sent_at=times.get("sent"),
        delivered_at=times.get("delivered"),
        read_at=times.get("read"),
        reported=sum(BITS[status] for status in times),
    )


def _reach(report: StatusReported) -> int:
    return REACH[report.status]


def _news(reports: Iterable[tuple[UUID, StatusReported]], rows: Mapping[Subject, Row[Any]]) -> list[CallbackFact]:
    """The facts of reports that were not applied before, each once, in the order in which they came."""
    told: dict[Subject, int] = {subject: row.was_reported for subject, row in rows.items()}
    facts = []
    for message_id, report in reports:
        subject = (report.tenant_id.int, message_id.int)
        bit = BITS[report.status]
        before = told.get(subject, bit)  # a message that is not among the rows has nothing new
        if not before & bit:
            told[subject] = before | bit
            facts.append(_fact(message_id, rows[subject], report))
    return facts


def _fact(message_id: UUID, row: Row[Any], report: StatusReported) -> CallbackFact:
    code = report.error_code
    error = None if code is None else _Error(code, reason_of(code))
    return CallbackFact(
        event_id=report.id,
        tenant_id=report.tenant_id,
        person=row.person or str(message_id),
        phone_number_id=report.phone_number_id,
        kind="status",
        topic=TOPICS[report.status],
        subject_id=message_id,
        occurred_at=report.occurred_at,
        content=_encode(_Content(report.status, report.pricing, error, report.details)),
    )


async def _keep(connection: AsyncConnection, reports: Sequence[StatusReported]) -> None:
    columns = {
        "tenant_ids": [report.tenant_id for report in reports],
        "wamid_indexes": [report.wamid_index for report in reports],
        "event_ids": [report.id for report in reports],
        "reports": [_encode(report).decode() for report in reports],
    }
    await repository.keep(connection, columns)
