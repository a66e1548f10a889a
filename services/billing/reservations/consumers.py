"""Kafka in: clearances reserve money, reports and ends of messages earn it or give it back (hot path).

The reservation row is the first sight of a message, and every fact after it only moves that row forward: no other
first-sight rows are needed.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.reservations import service
from services.billing.reservations.service import Ended, PayerOf
from services.kernel.contracts import Event
from services.kernel.contracts.clearances import CLEARANCES, MessageCleared
from services.kernel.contracts.outcomes import OUTCOMES, MessageExpired, MessageFailed, MessageReported
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import TICK_SECONDS_OF_REPORTS, Consumer, Received


def consumers(payer_of: PayerOf) -> tuple[Consumer, ...]:
    """The consumers of this slice; `payer_of` knows what a tenant pays, and where."""
    handle = partial(handle_batch, payer_of=payer_of)
    return (
        Consumer(group="billing.clearances", topic=CLEARANCES, events=(MessageCleared,), handle=handle),
        Consumer(
            group="billing.statuses",
            topic=STATUSES,
            events=(StatusReported,),
            subjects=frozenset({"delivered", "read", "failed"}),
            tick_seconds=TICK_SECONDS_OF_REPORTS,
            handle=handle,
        ),
        Consumer(
            group="billing.outcomes",
            topic=OUTCOMES,
            events=(MessageFailed, MessageExpired, MessageReported),
            tick_seconds=TICK_SECONDS_OF_REPORTS,
            handle=handle,
        ),
    )


async def handle_batch(connection: AsyncConnection, batch: Sequence[Received], *, payer_of: PayerOf) -> list[Event]:
    """Take a batch into the books, in its order; the results of every record, new or seen before."""
    results: list[Event] = []
    for is_clearance, run in groupby([received.event for received in batch], key=_is_clearance):
        if is_clearance:
            results += await service.reserve(connection, cast("list[MessageCleared]", list(run)), payer_of)
        else:
            results += await _finish(connection, list(run))
    return results


def _is_clearance(event: Event) -> bool:
    return type(event) is MessageCleared


async def _finish(connection: AsyncConnection, events: Sequence[Event]) -> list[Event]:
    ended = [fact for event in events if (fact := _fact_of(event)) is not None]
    return await service.finish(connection, ended) if ended else []


def _fact_of(event: Event) -> Ended | None:
    """What the event says of a message's end. A report without our id comes again, as one of the gateway's."""
    match event:
        case StatusReported(message_id=UUID() as message_id) if event.status != "sent":
            return Ended(event.tenant_id, message_id, event.id, "failed" if event.status == "failed" else "reached")
        case MessageReported():
            outcome: service.Outcome = "failed" if event.status == "failed" else "reached"
            return Ended(event.tenant_id, event.message_id, event.id, outcome)
        case MessageFailed():
            return Ended(event.tenant_id, event.message_id, event.id, "failed")
        case MessageExpired():
            return Ended(event.tenant_id, event.message_id, event.id, "expired")
    return None
