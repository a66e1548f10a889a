"""What happens to messages, told by facts in any order (hot path: columns of whole batches)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import service as contents
from services.gateway.messages import repository
from services.gateway.messages.states import State
from services.kernel import clock
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import MessageRefused
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.contracts.outcomes import MessageExpired, MessageFailed
from services.kernel.contracts.reservations import MessageFunded, MessageUnfunded
from services.kernel.identifiers import first_uuid7

E = TypeVar("E", bound=Event)
T = TypeVar("T")

LANES = {"express": 0, "bulk": 1}
# So long Meta's id leads to a message: it may wait 30 days for us and 30 for its person's phone, Meta repeats a report
# for 7 days, and a month is left to read it in. A report with our own id needs none of this.
WAMIDS_DAYS = 97
LIFE_DAYS_MAX = 31  # tenants may ask for 30
CLOCKS_APART = timedelta(hours=1)  # at most: those of our processes


class Move(NamedTuple):
    """Where a message should get; `sent_at` and later are the moments that Meta named, also when they come late.

    `reported` has the bits of Meta's reports that say so: a move that brings only applied ones changes nothing.
    """

    tenant_id: UUID
    message_id: UUID
    state: State
    at: datetime
    code: int | None = None
    reason: str | None = None
    wamid_index: str | None = None
    wamid: bytes | None = None
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    reported: int = 0


async def accept(connection: AsyncConnection, events: Sequence[tuple[MessageAccepted, int]]) -> Sequence[Row[Any]]:
    """Write accepted halves with their positions in the topic; returns the rows that became whole."""
    # A message may be accepted twice in one batch; its place is that of the first time.
    first = {event.id: (event, offset) for event, offset in reversed(events)}.values()
    if not first:
        return []
    columns = {
        "tenant_ids": [event.tenant_id for event, _ in first],
        "ids": [event.message_id for event, _ in first],
        "phone_number_ids": [event.phone_number_id for event, _ in first],
        "persons": [event.person for event, _ in first],
        "kinds": [event.kind for event, _ in first],
        "categories": [event.category for event, _ in first],
        "countries": [event.country for event, _ in first],
        "lanes": [LANES[event.lane] for event, _ in first],
        "template_ids": _known([event.template_id for event, _ in first]),
        "template_versions": _known([event.template_version for event, _ in first]),
        "positions": [offset for _, offset in first],
        "expires": [event.expires_at for event, _ in first],
        "accepted": [event.occurred_at for event, _ in first],
        "max_prices": _known([event.max_price_micros for event, _ in first]),
        "confirmations": _known([event.origin == "confirmation" or None for event, _ in first]),
    }
    rows = await repository.accept(connection, columns)
    whole = {row.id for row in rows}
    await contents.keep_bodies(connection, [event for event, _ in first if event.message_id in whole])
    return rows


async def claim_rows(connection: AsyncConnection, subjects: Iterable[tuple[UUID, UUID]]) -> None:
    """Make or lock the rows of (tenant, message) in one pass, before several statements that each touch some of them.

    Two passes in their own orders would deadlock with another worker's one pass.
    """
    ordered = sorted(set(subjects), key=lambda subject: subject[1])
    await repository.claim_rows(connection, [tenant for tenant, _ in ordered], [message for _, message in ordered])


async def refuse(connection: AsyncConnection, events: Sequence[MessageRefused | MessageUnfunded]) -> Sequence[Row[Any]]:
    """End messages that consent or billing turned down; returns the rows that this ended."""
    unique = _unique(events)
    if not unique:
        return []
    columns = {
        **_subjects(unique),
        "cleared": [getattr(event, "cleared_at", None) for event in unique],
        "codes": [event.code for event in unique],
        "reasons": [event.reason for event in unique],
    }
    return await repository.refuse(connection, columns)


async def fund(connection: AsyncConnection, events: Sequence[MessageFunded]) -> Sequence[Row[Any]]:
    """Write the prices; returns the rows that this funded, with what their ends would say."""
    unique = _unique(events)
    if not unique:
        return []
    columns = {
        **_subjects(unique),
        "cleared": [event.cleared_at for event in unique],
        "prices": [event.price_micros for event in unique],
        "currencies": [event.currency for event in unique],
    }
    return await repository.fund(connection, columns)


async def unpaid(connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]) -> Sequence[Row[Any]]:
    """Those of the accepted messages that nobody has refused or paid for, with the end of their time."""
    return await repository.unpaid(connection, tenant_ids, message_ids) if message_ids else []


async def endings(connection: AsyncConnection, subjects: Sequence[tuple[UUID, UUID]]) -> list[Event]:
    """The terminal facts of those (tenant, message) that have failed or expired."""
    if not subjects:
        return []
    rows = await repository.ended(connection, [tenant for tenant, _ in subjects], [message for _, message in subjects])
    return [ending(row) for row in rows]


async def endings_of_funded(
    connection: AsyncConnection, events: Sequence[MessageFunded], rows: Sequence[Row[Any]]
) -> list[Event]:
    """The terminal facts of those that had ended before they were paid for; `rows` are what `fund` returned."""
    funded = {row.id for row in rows}
    repeated = [(event.tenant_id, event.message_id) for event in events if event.message_id not in funded]
    ended = [ending(row) for row in rows if row.state in (State.FAILED, State.EXPIRED)]
    return ended + await endings(connection, repeated)


def ending(row: Row[Any]) -> Event:
    """The terminal fact of a row that failed or expired; the same row always says the same fact."""
    person = row.person or ""
    if row.state == State.EXPIRED:
        return MessageExpired(
            id=event_id(row.id, "expired"),
            occurred_at=row.expired_at,
            tenant_id=row.tenant_id,
            message_id=row.id,
            person=person,
        )
    return MessageFailed(
        id=event_id(row.id, "failed"),
        occurred_at=row.failed_at,
        tenant_id=row.tenant_id,
        message_id=row.id,
        person=person,
        code=row.error_code,
        reason=row.error_reason,
    )


async def lock(connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]) -> dict[UUID, State]:
    """Lock rows in the house order: messages first, then pairs, then the queue. Returns the states as they stay."""
    return await repository.lock(connection, tenant_ids, message_ids)


async def move(connection: AsyncConnection, moves: Sequence[Move]) -> Sequence[Row[Any]]:
    """Move messages forward, one move each; rows say where it was allowed (`moves`)."""
    if not moves:
        return []
    columns = {
        "tenant_ids": [move.tenant_id for move in moves],
        "ids": [move.message_id for move in moves],
        "states": [move.state.value for move in moves],
        "times": [move.at for move in moves],
        "codes": _known([move.code for move in moves]),
        "reasons": _known([move.reason for move in moves]),
        "wamids": _known([move.wamid for move in moves]),
        "sending": _known([move.sending_at for move in moves]),
        "sent": _known([move.sent_at for move in moves]),
        "delivered": _known([move.delivered_at for move in moves]),
        "read": _known([move.read_at for move in moves]),
        "reported": [move.reported for move in moves],
    }
    rows = await repository.move(connection, columns)
    await _name(connection, moves, rows)
    return rows


async def _name(connection: AsyncConnection, moves: Sequence[Move], rows: Sequence[Row[Any]]) -> None:
    """Index Meta's ids, once: with our result or with the first report, whichever comes first."""
    is_named = {row.id: row.is_named for row in rows if row.was_reported == 0}
    named = [
        (move.tenant_id, move.wamid_index, move.message_id)
        for move in moves
        if move.wamid_index is not None
        and move.message_id in is_named
        and (move.wamid is not None or not is_named[move.message_id])
    ]
    if named:
        tenant_ids, wamid_indexes, ids = (list(column) for column in zip(*named, strict=True))
        await repository.name(connection, {"tenant_ids": tenant_ids, "wamid_indexes": wamid_indexes, "ids": ids})


async def match(
    connection: AsyncConnection, tenant_ids: list[UUID], wamid_indexes: list[str], *, since: datetime
) -> dict[tuple[UUID, str], Row[Any]]:
    """Ids of messages by tenant and keyed index of Meta's id, which was named at that moment or later."""
    if not tenant_ids:
        return {}
    first_id, last_id = nameable(since)
    rows = await repository.match(connection, tenant_ids, wamid_indexes, first_id=first_id, last_id=last_id)
    return {(row.tenant_id, row.wamid_index): row for row in rows}


def nameable(since: datetime) -> tuple[UUID, UUID]:
    """The ids, from the first to the last, of messages that Meta can have named since then."""
    return first_uuid7(since - timedelta(days=WAMIDS_DAYS)), first_uuid7(clock.now() + CLOCKS_APART)


def to_be_named(since: datetime) -> tuple[UUID, UUID]:
    """The same of messages that Meta names first since then: these were sent since, and wait for a month at most."""
    return first_uuid7(since - timedelta(days=LIFE_DAYS_MAX)), first_uuid7(clock.now() + CLOCKS_APART)


async def acceptances(
    connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]
) -> list[MessageAccepted]:
    """The acceptance of each message, to be published again."""
    rows = await repository.acceptances(connection, tenant_ids, message_ids)
    bodies = await contents.bodies(connection, [row.tenant_id for row in rows], [row.id for row in rows])
    return [_acceptance(row, bodies[row.id]) for row in rows if row.id in bodies]


async def wamids(connection: AsyncConnection, tenant_ids: list[UUID], message_ids: list[UUID]) -> Sequence[Row[Any]]:
    """Meta's ids of messages, sealed (null while they were not sent), with their numbers."""
    return await repository.wamids(connection, tenant_ids, message_ids)


async def silent(
    connection: AsyncConnection, *, since: datetime, until: datetime, expired_before: datetime, count: int
) -> Sequence[Row[Any]]:
    """Messages that were made and sent in a stretch of time, and nothing more was heard of until theirs was over."""
    low, high = first_uuid7(since), first_uuid7(until)
    parameters = {"low": low, "high": high, "expired_before": expired_before, "count": count}
    return await repository.silent(connection, parameters)


async def silent_long_lived(
    connection: AsyncConnection, *, since: datetime, until: datetime, count: int
) -> Sequence[Row[Any]]:
    """The same of messages that were to live longer than a day, and whose time ended then."""
    low, high = first_uuid7(since - timedelta(days=LIFE_DAYS_MAX)), first_uuid7(until)
    parameters = {"low": low, "high": high, "expired_since": since, "expired_before": until, "count": count}
    return await repository.silent_long_lived(connection, parameters)


def _known(column: list[T]) -> list[T]:
    """A column that says nothing need not travel: unnest fills what is short with nulls."""
    return [] if column.count(None) == len(column) else column  # type: ignore[arg-type]  # any T may be None


def _unique(events: Sequence[E]) -> list[E]:
    """One statement cannot write a row twice, and a batch may say a fact twice."""
    return list({event.id: event for event in events}.values())


def _subjects(
    events: Sequence[MessageRefused | MessageUnfunded] | Sequence[MessageFunded],
) -> dict[str, list[Any]]:
    return {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.message_id for event in events],
        "times": [event.occurred_at for event in events],
    }


def _acceptance(row: Row[Any], body: bytes) -> MessageAccepted:
    return MessageAccepted(
        id=event_id(row.id, "accepted"),
        occurred_at=row.accepted_at,
        tenant_id=row.tenant_id,
        message_id=row.id,
        phone_number_id=row.phone_number_id,
        person=row.person,
        kind=row.kind,
        category=row.category,
        country=row.country,
        lane="express" if row.lane == LANES["express"] else "bulk",
        expires_at=row.expires_at,
        body=body,
        template_id=row.template_id,
        template_version=row.template_version,
        max_price_micros=row.max_price_micros,
        origin="confirmation" if row.is_confirmation else "tenant",
    )
