"""Telling a tenant that its message failed or expired, in the shape of Meta's own failed status."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.messages.reasons import words
from services.kernel import clock
from services.kernel.contracts import event_id

EXPIRED_CODE = 131026


async def tell_failed(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """Queue a failed status for rows that were ended by us (code, reason, failed_at in the row)."""
    await callbacks.enqueue(connection, [_fact(row, row.error_code, row.error_reason, "failed") for row in rows])


async def tell_expired(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """Queue a failed status for rows whose time was over."""
    await callbacks.enqueue(connection, [_fact(row, EXPIRED_CODE, "expired", "expired") for row in rows])


def _fact(row: Row[Any], code: int, reason: str, stage: str) -> CallbackFact:
    content = {"status": "failed", "error": {"code": code, "title": reason, "message": words(reason)}}
    return CallbackFact(
        event_id=event_id(row.id, stage),
        tenant_id=row.tenant_id,
        person=row.person,
        phone_number_id=row.phone_number_id,
        kind="status",
        topic="statuses.failed",
        subject_id=row.id,
        occurred_at=clock.now(),
        content=msgspec.json.encode(content),
    )
