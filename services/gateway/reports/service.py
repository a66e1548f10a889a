"""Applying Meta's reports: states move forward, tenants hear of each report once (hot path)."""

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.messages import service as messages
from services.gateway.messages.reasons import reason_of
from services.gateway.messages.service import Move
from services.gateway.messages.states import State
from services.gateway.reports import repository
from services.kernel.contracts.statuses import StatusReported

KEEP_DAYS = 8  # Meta repeats a report for seven days
STATES = {"sent": State.SENT, "delivered": State.DELIVERED, "read": State.READ, "failed": State.FAILED}

_encode = msgspec.json.Encoder().encode


async def apply(connection: AsyncConnection, reports: Sequence[StatusReported]) -> list[UUID]:
    """Apply reports seen for the first time; returns the messages whose fate is known now.

    A report without our id is matched by Meta's; one that matches nothing yet is kept.
    """
    known, unknown = await _identify(connection, reports)
    if unknown:
        await _keep(connection, unknown)
    return await _apply(connection, known)


async def apply_kept(connection: AsyncConnection, count: int) -> list[UUID]:
    """Apply kept reports whose message is known by now, and forget those that nobody can own any more."""
    rows = await repository.take_matched(connection, count)
    known = [(row.message_id, msgspec.json.decode(row.report, type=StatusReported)) for row in rows]
    await repository.forget(connection, KEEP_DAYS)
    return await _apply(connection, known)


async def _identify(
    connection: AsyncConnection, reports: Sequence[StatusReported]
) -> tuple[list[tuple[UUID, StatusReported]], list[StatusReported]]:
    nameless = [report for report in reports if report.message_id is None]
    found = await messages.match(connection, [r.tenant_id for r in nameless], [r.wamid_index for r in nameless])
    known, unknown = [], []
    for report in reports:
        row = found.get((report.tenant_id, report.wamid_index))
        message_id = report.message_id or (row and row.id)
        if message_id is None:
            unknown.append(report)
        else:
            known.append((message_id, report))
    return known, unknown


async def _apply(connection: AsyncConnection, reports: Sequence[tuple[UUID, StatusReported]]) -> list[UUID]:
    if not reports:
        return []
    moves = [_fold(message_id, group) for message_id, group in _by_message(reports).items()]
    rows = {row.id: row for row in await messages.move(connection, moves)}
    missing = [move for move in moves if move.message_id not in rows]
    if missing:
        await messages.claim_rows(connection, [(m.tenant_id, m.message_id) for m in missing])
        rows |= {row.id: row for row in await messages.move(connection, missing)}
    await callbacks.enqueue(connection, [_fact(message_id, rows[message_id], report) for message_id, report in reports])
    return sorted(rows)


def _by_message(reports: Iterable[tuple[UUID, StatusReported]]) -> dict[UUID, list[StatusReported]]:
    groups: dict[UUID, list[StatusReported]] = defaultdict(list)
    for message_id, report in reports:
        groups[message_id].append(report)
    return groups


def _fold(message_id: UUID, reports: Sequence[StatusReported]) -> Move:
    """One move for all reports of a message: the furthest state, and every moment that Meta named."""
    by_status = {report.status: report for report in reports}
    delivered = by_status.get("read") or by_status.get("delivered")
    furthest = delivered or by_status.get("failed") or by_status["sent"]
    times = {status: report.occurred_at for status, report in by_status.items()}
    return Move(
        tenant_id=furthest.tenant_id,
        message_id=message_id,
        state=STATES[furthest.status],
        at=furthest.occurred_at,
        code=furthest.error_code or 0,
        reason=reason_of(furthest.error_code or 0),
        wamid_index=furthest.wamid_index,
        sent_at=times.get("sent"),
        delivered_at=times.get("delivered"),
        read_at=times.get("read"),
    )


def _fact(message_id: UUID, row: Row[Any], report: StatusReported) -> CallbackFact:
    content: dict[str, object] = {"status": report.status}
    if report.pricing is not None:
        content["pricing"] = report.pricing
    if report.error_code is not None:
        content["error"] = {"code": report.error_code, "title": reason_of(report.error_code)}
    if report.details is not None:
        content["sealed_details"] = base64.b64encode(report.details).decode()
    return CallbackFact(
        event_id=report.id,
        tenant_id=report.tenant_id,
        person=row.person or str(message_id),
        phone_number_id=report.phone_number_id,
        kind="status",
        topic=f"statuses.{report.status}",
        subject_id=message_id,
        occurred_at=report.occurred_at,
        content=_encode(content),
    )


async def _keep(connection: AsyncConnection, reports: Sequence[StatusReported]) -> None:
    columns = {
        "tenant_ids": [report.tenant_id for report in reports],
        "wamid_indexes": [report.wamid_index for report in reports],
        "event_ids": [report.id for report in reports],
        "reports": [_encode(report).decode() for report in reports],
    }
    await repository.keep(connection, columns)
