"""Attempts to call tenants: their heads are sealed under the tenant's key, and opened to show them to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.attempts import metrics, repository
from services.gateway.attempts.repository import AttemptRow
from services.gateway.keys.service import Keyring
from services.gateway.places import attempt_heads
from services.kernel import clock, crypto, cursors
from services.kernel.cursors import HIGHEST_ID, Cursor
from services.kernel.errors import ServiceError
from services.kernel.identifiers import first_uuid7, uuid7
from services.kernel.logging import get_logger

PURPOSE = "callback attempts"
KEPT_DAYS = 7
HEAD_CHARACTERS_MAX = 1_024  # of each: the request's head, the answer's head, the answer's body
ERROR_CHARACTERS_MAX = 60

_log = get_logger()


class Heads(msgspec.Struct, frozen=True):
    """What went over the wire, as far as it is kept; `response_*` are "" when nothing came."""

    request_head: str
    response_head: str = ""
    response_body: str = ""

    def __repr__(self) -> str:
        return "Heads()"


class NewAttempt(NamedTuple):
    """An attempt that was made; `status` is 0 and `error` says why when there was no answer."""

    endpoint_id: UUID
    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    facts: int
    tried_at: datetime
    milliseconds: int
    status: int
    error: str
    address: str | None
    heads: Heads


class Attempt(NamedTuple):
    """An attempt as its tenant sees it; the heads are None when they cannot be opened any more."""

    delivery_id: UUID
    attempt: int
    at: datetime
    milliseconds: int
    facts: int
    status: int
    error: str
    address: str | None
    request_head: str | None
    response_head: str | None
    response_body: str | None

    def __repr__(self) -> str:
        return f"Attempt({self.delivery_id}, attempt={self.attempt}, status={self.status})"

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status < 300


class Page(NamedTuple):
    attempts: list[Attempt]
    next_cursor: str | None


async def sealed(keyring: Keyring, attempts: Sequence[NewAttempt]) -> list[AttemptRow]:
    """The rows of the log; what cannot be sealed for its tenant is logged without heads."""
    return [await _sealed(keyring, attempt) for attempt in attempts]


async def add(connection: AsyncConnection, rows: Sequence[AttemptRow]) -> None:
    """Write rows that `sealed` made, with the results of their attempts."""
    await repository.add(connection, rows)


async def page(
    connection: AsyncConnection, keyring: Keyring, tenant_id: UUID, endpoint_id: UUID, *, cursor: str | None, limit: int
) -> Page:
    """Attempts of the last seven days, newest first; raises BadCursor, OtherQuestion."""
    question = endpoint_id.bytes
    place = Cursor(HIGHEST_ID, _oldest_id()) if cursor is None else cursors.decode(cursor, question)
    rows = await repository.page(connection, endpoint_id, low=place.low, before=place.before, count=limit + 1)
    shown = [await _opened(keyring, tenant_id, row) for row in rows[:limit]]
    is_last = len(rows) <= limit
    return Page(shown, None if is_last else cursors.encode(Cursor(rows[limit - 1].id, place.low), question))


async def _sealed(keyring: Keyring, attempt: NewAttempt) -> AttemptRow:
    attempt_id = uuid7()
    try:
        key = await keyring.key(attempt.tenant_id, PURPOSE)
        heads = crypto.seal(key, attempt_heads(attempt.tenant_id, str(attempt_id)), msgspec.json.encode(attempt.heads))
    except ServiceError as error:
        if error.retryable:
            raise
        heads = b""
    fields = attempt._asdict() | {"id": attempt_id, "heads": heads, "error": attempt.error[:ERROR_CHARACTERS_MAX]}
    return AttemptRow(**fields)


async def _opened(keyring: Keyring, tenant_id: UUID, row: AttemptRow) -> Attempt:
    heads = await _heads(keyring, tenant_id, row)
    return Attempt(
        delivery_id=row.delivery_id,
        attempt=row.attempt,
        at=row.tried_at,
        milliseconds=row.milliseconds,
        facts=row.facts,
        status=row.status,
        error=row.error,
        address=row.address,
        request_head=heads.request_head if heads else None,
        response_head=heads.response_head if heads else None,
        response_body=heads.response_body if heads else None,
    )


async def _heads(keyring: Keyring, tenant_id: UUID, row: AttemptRow) -> Heads | None:
    try:
        key = await keyring.opening_key(tenant_id, PURPOSE, crypto.sealed_key_id(row.heads))
        plain = crypto.open_sealed(key, attempt_heads(tenant_id, str(row.id)), row.heads)
        heads = msgspec.json.decode(plain, type=Heads)
    except (ServiceError, msgspec.MsgspecError) as error:
        if isinstance(error, ServiceError) and error.retryable:
            raise
        metrics.OPENINGS.labels("failed").inc()
        _log.error("attempt does not open", tenant_id=str(tenant_id), error_class=type(error).__name__)
        return None
    metrics.OPENINGS.labels("opened").inc()
    return heads


def _oldest_id() -> UUID:
    """The least UUIDv7 of the days that are kept."""
    return first_uuid7(clock.now() - timedelta(days=KEPT_DAYS))
