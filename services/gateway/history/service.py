"""Messages as tenants read and cancel them: one, or a page of many, newest first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import results
from services.gateway.dispatch import service as dispatch
from services.gateway.dispatch.results import CALL_WITHIN
from services.gateway.history import repository
from services.gateway.history.errors import BadRange, TooLate
from services.gateway.history.owners import Known, Owners
from services.gateway.messages import service as messages
from services.gateway.messages.errors import MessageNotFound
from services.gateway.messages.service import Move
from services.gateway.messages.states import State
from services.gateway.told import service as told
from services.kernel import clock, cursors
from services.kernel.cursors import HIGHEST_ID, Cursor
from services.kernel.db import Database
from services.kernel.identifiers import first_uuid7

# An accepted message is stored a moment after its acceptance; a tenant that asks at once should not be told 404.
PROJECTION_PATIENCE_SECONDS = 1.0
PROJECTION_POLL_SECONDS = 0.05

RANGE_DEFAULT = timedelta(days=7)  # what is mostly asked for; each day is a partition to look into
RANGE_MAX = timedelta(days=31)
SCAN_ROWS_MAX = 5_000  # a page of a rare state is short rather than slow: about 20 ms
TEMPLATES_NAMED_MAX = 1_000  # languages times WABAs

CANCELLED = "cancelled"
CODE_CANCELLED = 135000  # Meta's "generic user error": it has no code for this
ADVICE = {
    State.SENDING: "its call to Meta has begun; read the message again in a moment",
    State.UNKNOWN: "it may be with Meta; read the message again when Meta has reported",
    State.FAILED: "it has ended and was not delivered; there is nothing left to cancel",
    State.EXPIRED: "it has ended; there is nothing left to cancel",
}
ADVICE_WITH_META = "it is with Meta, which takes nothing back"

T = TypeVar("T")


class Question(NamedTuple):
    """Which messages a tenant asks for; empty filters let everything pass. `person` is a blind index."""

    tenant_id: UUID
    since: datetime | None
    until: datetime | None
    states: tuple[int, ...] = ()
    phone_number_id: str | None = None
    template: str | None = None
    person: str | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether rows must be looked at to know if they match; a person's are found by their index."""
        return bool(self.states or self.phone_number_id or self.template)

    def spelling(self) -> bytes:
        return msgspec.json.encode(tuple(self))


class Page(NamedTuple):
    rows: Sequence[Row[Any]]
    cursor: str | None


class Stored(NamedTuple):
    """A message's row, and when its tenant was first called back about it."""

    row: Row[Any]
    called_back_at: datetime | None


async def when_stored(database: Database, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What `act` says in a transaction of its own; for MessageNotFound it is asked again, for a second at most."""
    deadline = asyncio.get_running_loop().time() + PROJECTION_PATIENCE_SECONDS - PROJECTION_POLL_SECONDS
    while True:
        try:
            async with database.transaction() as connection:
                return await act(connection)
        except MessageNotFound:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(PROJECTION_POLL_SECONDS)


async def one(database: Database, owners: Owners, *, tenant_id: UUID, message_id: UUID) -> tuple[Stored, Known]:
    """A message with what consent and billing know of it; raises MessageNotFound."""
    stored = await when_stored(database, partial(_stored, tenant_id=tenant_id, message_id=message_id))
    return stored, await owners.ask(tenant_id, message_id, is_funded=stored.row.funded_at is not None)


async def _find(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Row[Any]:
    row = await repository.find(connection, tenant_id=tenant_id, message_id=message_id)
    if row is None:
        raise MessageNotFound
    return row


def state_of(row: Row[Any]) -> State:
    """The state as the tenant sees it: a message whose call is under way is stored as funded until its result is."""
    return State.SENDING if row.state == State.FUNDED and row.call_before is not None else State(row.state)


def sending_at(row: Row[Any]) -> datetime | None:
    """When the first call was begun, also while it is under way."""
    stored: datetime | None = row.sending_at
    return row.call_before - CALL_WITHIN if stored is None and row.call_before is not None else stored


async def _stored(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Stored:
    row = await _find(connection, tenant_id=tenant_id, message_id=message_id)
    return Stored(row, await told.called_back_at(connection, tenant_id, message_id, since=row.accepted_at))


async def page(connection: AsyncConnection, question: Question, *, limit: int, cursor: str | None) -> Page:
    """At most `limit` messages, newest first; may be short, also empty, where a cursor says that there may be more.

    Raises BadRange, BadCursor, OtherQuestion.
    """
    place = cursors.decode(cursor, question.spelling()) if cursor else _range_of(question)
    template_ids = await _templates(connection, question)
    scan = SCAN_ROWS_MAX if question.is_filtered else limit + 1
    found = await repository.page(
        connection,
        {
            "tenant_id": question.tenant_id,
            "low": place.low,
            "before": place.before,
            "states": list(question.states) or None,
            "phone_number_id": question.phone_number_id,
            "template_ids": template_ids,
            "scan": scan,
            "count": limit + 1,
        },
        person=question.person,
    )
    rows = [row for row in found if row.id is not None]
    ids, bound = [row.id for row in rows], found[0]
    before = cursors.goes_on_below(ids, limit=limit, scan=scan, looked_at=bound.looked_at, bound=bound.bound)
    following = None if before is None else cursors.encode(Cursor(before, place.low), question.spelling())
    return Page(rows[:limit], following)


def _range_of(question: Question) -> Cursor:
    """The first page's range of ids: ids are UUIDv7, so a time of acceptance is a place among them."""
    until = question.until or clock.now()
    since = question.since or until - RANGE_DEFAULT
    if since >= until:
        raise BadRange("from must be before to, which is now when it is left out")
    if question.since and until - since > RANGE_MAX:
        raise BadRange(f"from and to are more than {RANGE_MAX.days} days apart: ask for less at a time")
    return Cursor(before=first_uuid7(until) if question.until else HIGHEST_ID, low=first_uuid7(since))


async def _templates(connection: AsyncConnection, question: Question) -> list[UUID] | None:
    if question.template is None:
        return None
    return await repository.templates_named(
        connection, tenant_id=question.tenant_id, name=question.template, count=TEMPLATES_NAMED_MAX
    )


async def cancel(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Row[Any]:
    """The message as it is after being cancelled, also when it was before.

    Its money goes back when billing hears of the failure. Raises MessageNotFound, TooLate.
    """
    await messages.lock(connection, [tenant_id], [message_id])
    row = await _find(connection, tenant_id=tenant_id, message_id=message_id)
    if row.state == State.FAILED and row.error_reason == CANCELLED:
        return row
    if row.state > State.UNKNOWN or not await dispatch.withdraw(connection, row):
        state = state_of(await _find(connection, tenant_id=tenant_id, message_id=message_id))  # a call may have begun
        raise TooLate(state.name.lower(), ADVICE.get(state, ADVICE_WITH_META))
    end = Move(tenant_id, message_id, State.FAILED, clock.now(), code=CODE_CANCELLED, reason=CANCELLED)
    await results.end(connection, [end])
    return await _find(connection, tenant_id=tenant_id, message_id=message_id)
