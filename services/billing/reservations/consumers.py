"""Kafka in: clearances reserve money, reports and ends of messages earn it or give it back (hot path).

The reservation row is the first sight of a message, and every fact after it only moves that row forward: no other
first-sight rows are needed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.reports import service as reports
from services.billing.reservations import metrics, service
from services.billing.reservations.answers import answers_to
from services.billing.reservations.service import Cleared, Ended, Fact, PayerOf
from services.kernel.contracts import Event
from services.kernel.contracts.clearances import CLEARANCES, MessageCleared
from services.kernel.contracts.messages import MESSAGES, MessageExpired, MessageFailed, MessageSent
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import Consumer, Received

Wamids = Mapping[reports.Key, reports.Wamid]


def consumers(payer_of: PayerOf) -> tuple[Consumer, ...]:
    """The consumers of this slice; `payer_of` knows what a tenant pays, and where."""
    handle = partial(handle_batch, payer_of=payer_of)
    return (
        Consumer(group="billing.clearances", topic=CLEARANCES, events=(MessageCleared,), handle=handle),
        Consumer(group="billing.statuses", topic=STATUSES, events=(StatusReported,), handle=handle),
        Consumer(
            group="billing.messages",
            topic=MESSAGES,
            events=(MessageSent, MessageFailed, MessageExpired),
            handle=handle,
        ),
    )


async def handle_batch(connection: AsyncConnection, batch: Sequence[Received], *, payer_of: PayerOf) -> list[Event]:
    """Take a batch into the books; the results of every record, new or seen before."""
    events = [received.event for received in batch]
    wamids = await reports.match(connection, [half for event in events if (half := _half_of(event)) is not None])
    facts = [(event, fact) for event in events if (fact := _fact_of(event, wamids)) is not None]
    if not facts:
        return []
    books = await service.settle(connection, [fact for _, fact in facts], payer_of)
    metrics.count(reservation.state for reservation in (*books.added.values(), *books.changed.values()))
    return [
        answer
        for event, fact in facts
        for answer in answers_to(event, books.reservations.get((fact.tenant_id, fact.message_id)))
    ]


def _half_of(event: Event) -> reports.Wamid | None:
    """What an event tells about Meta's id of a message."""
    match event:
        case MessageSent():
            return reports.Wamid(
                event.tenant_id, event.wamid_index, event.message_id, is_reached=False, is_failed=False
            )
        case StatusReported(message_id=None) if event.status != "sent":
            return reports.Wamid(
                event.tenant_id,
                event.wamid_index,
                None,
                is_reached=event.status in ("delivered", "read"),
                is_failed=event.status == "failed",
            )
    return None


def _fact_of(event: Event, wamids: Wamids) -> Fact | None:
    match event:
        case MessageCleared():
            return Cleared(
                event.tenant_id,
                event.message_id,
                event.id,
                category=event.category,
                is_in_window=event.basis == "window",
                expires_at=event.expires_at,
                max_price_micros=event.max_price_micros,
            )
        case MessageFailed():
            return Ended(event.tenant_id, event.message_id, event.id, "failed")
        case MessageExpired():
            return Ended(event.tenant_id, event.message_id, event.id, "expired")
        case MessageSent():
            return _fact_of_send(event, wamids)
        case StatusReported():
            return _fact_of_status(event, wamids)
    return None


def _fact_of_status(event: StatusReported, wamids: Wamids) -> Ended | None:
    message_id = event.message_id or _message_of(event, wamids)
    if message_id is None or event.status == "sent":
        return None
    return Ended(event.tenant_id, message_id, event.id, "failed" if event.status == "failed" else "reached")


def _message_of(event: StatusReported, wamids: Wamids) -> UUID | None:
    wamid = wamids.get((event.tenant_id, event.wamid_index))
    return None if wamid is None else wamid.message_id


def _fact_of_send(event: MessageSent, wamids: Wamids) -> Ended | None:
    """What was reported under Meta's id before we knew whose id it is; reached wins over failed."""
    wamid = wamids[event.tenant_id, event.wamid_index]
    if wamid.is_reached:
        return Ended(event.tenant_id, event.message_id, event.id, "reached")
    if wamid.is_failed:
        return Ended(event.tenant_id, event.message_id, event.id, "failed")
    return None
