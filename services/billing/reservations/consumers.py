"""Kafka in: clearances reserve money, reports and ends of messages earn it or give it back (hot path).

The reservation row is the first sight of a message, and every fact after it only moves that row forward: no other
first-sight rows are needed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.reports import service as reports
from services.billing.reservations import service
from services.billing.reservations.service import Ended, PayerOf
from services.kernel.contracts import Event
from services.kernel.contracts.clearances import CLEARANCES, MessageCleared
from services.kernel.contracts.messages import MESSAGES, MessageExpired, MessageFailed, MessageSent
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import TICK_SECONDS_OF_REPORTS, Consumer, Received

Wamids = Mapping[reports.Key, reports.Wamid]


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
            group="billing.messages",
            topic=MESSAGES,
            events=(MessageSent, MessageFailed, MessageExpired),
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
    halves = [half for event in events if (half := _half_of(event)) is not None]
    wamids = await reports.match(connection, halves) if halves else {}
    ended = [fact for event in events if (fact := _fact_of(event, wamids)) is not None]
    return await service.finish(connection, ended) if ended else []


def _half_of(event: Event) -> reports.Half | None:
    """What an event tells about Meta's id of a message: only a report that lacks our own id needs it."""
    if type(event) is StatusReported:
        if event.message_id is not None or event.status == "sent":
            return None
        return reports.Half(event.tenant_id, event.wamid_index, None, event.status)
    if type(event) is MessageSent:
        return reports.Half(event.tenant_id, event.wamid_index, event.message_id, None)
    return None


def _fact_of(event: Event, wamids: Wamids) -> Ended | None:
    if type(event) is StatusReported:
        return _fact_of_status(event, wamids)
    if type(event) is MessageSent:
        wamid = wamids.get(reports.key_of(event.tenant_id, event.wamid_index)) if wamids else None
        return None if wamid is None else Ended(event.tenant_id, event.message_id, event.id, wamid.outcome)
    if type(event) is MessageFailed:
        return Ended(event.tenant_id, event.message_id, event.id, "failed")
    if type(event) is MessageExpired:
        return Ended(event.tenant_id, event.message_id, event.id, "expired")
    return None


def _fact_of_status(event: StatusReported, wamids: Wamids) -> Ended | None:
    message_id = event.message_id
    if message_id is None:
        wamid = wamids.get(reports.key_of(event.tenant_id, event.wamid_index))
        message_id = wamid and wamid.message_id
    if message_id is None or event.status == "sent":
        return None
    return Ended(event.tenant_id, message_id, event.id, "failed" if event.status == "failed" else "reached")
