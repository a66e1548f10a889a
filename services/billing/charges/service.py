"""Charges as tenants read them: a page of many, by the message's acceptance, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.charges import repository
from services.billing.charges.errors import BadRange
from services.kernel import cursors
from services.kernel.cursors import HIGHEST_ID, LOWEST_ID, Cursor
from services.kernel.identifiers import first_uuid7

SCAN_ROWS_MAX = 5_000  # a page of a rare state is short rather than slow


class Question(NamedTuple):
    """Which charges a tenant asks for; without states all of them."""

    tenant_id: UUID
    since: datetime | None
    until: datetime | None
    states: tuple[str, ...] = ()

    def spelling(self) -> bytes:
        return msgspec.json.encode(tuple(self))


class Page(NamedTuple):
    rows: Sequence[Row[Any]]
    cursor: str | None


async def page(connection: AsyncConnection, question: Question, *, limit: int, cursor: str | None) -> Page:
    """At most `limit` charges; may be short, also empty, where a cursor says that there may be more.

    Raises BadRange, BadCursor, OtherQuestion.
    """
    place = cursors.decode(cursor, question.spelling()) if cursor else _range_of(question)
    scan = SCAN_ROWS_MAX if question.states else limit + 1
    found = await repository.page(
        connection,
        {
            "tenant_id": question.tenant_id,
            "low": place.low,
            "before": place.before,
            "states": list(question.states) or None,
            "scan": scan,
            "count": limit + 1,
        },
    )
    rows = [row for row in found if row.message_id is not None]
    ids, bound = [row.message_id for row in rows], found[0]
    before = cursors.goes_on_below(ids, limit=limit, scan=scan, looked_at=bound.looked_at, bound=bound.bound)
    following = None if before is None else cursors.encode(Cursor(before, place.low), question.spelling())
    return Page(rows[:limit], following)


def _range_of(question: Question) -> Cursor:
    """The first page's range: ids of messages are UUIDv7, so a time of acceptance is a place among them."""
    if question.since and question.until and question.since >= question.until:
        raise BadRange("from: it must be before to")
    return Cursor(
        before=first_uuid7(question.until) if question.until else HIGHEST_ID,
        low=first_uuid7(question.since) if question.since else LOWEST_ID,
    )
