"""The queue of facts that tenants have not been told yet."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import repository

_listeners: list[Callable[[], None]] = []  # of this process: its delivery loops


class CallbackFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something a tenant is to hear of once; `event_id` is what it sees, at every delivery and at every endpoint.

    `topic` is what endpoints filter by: "messages" (inbound), "statuses.sent|delivered|read|failed", or Meta's name of
    the webhook field. Facts of one `person` are told in the order in which they were enqueued.

    `content` is the JSON of what is not personal. Of a status: {"status", "pricing"?, "error": {"code", "title"}?,
    "sealed_details"? (base64, sealed for `event_id`)};
    of a message: {"window_expires_at"}; of a platform fact: {"field", "waba_id", "sealed_value" (base64), "time"}, with
    `subject_id` = `event_id` and `person` = `phone_number_id` = "". `subject_id` is else our message id or inbound id.
    """

    event_id: UUID
    tenant_id: UUID
    person: str
    phone_number_id: str
    kind: Literal["status", "message", "platform"]
    topic: str
    subject_id: UUID
    occurred_at: datetime
    content: bytes


async def enqueue(
    connection: AsyncConnection,
    facts: Sequence[CallbackFact],
    *,
    not_to: Sequence[UUID] = (),
    only_to: UUID | None = None,
) -> None:
    """Queue facts in the transaction that makes them true, in the order they are to be told.

    Each waits once for every endpoint whose filter lets its topic pass (without those of `not_to`; or for `only_to`).
    A fact that waits already is not queued twice; one that was told has left the queue, so callers enqueue in the
    transaction of the fact's first sight only. Facts wait up to seven days for a callback URL.
    """
    if not facts:
        return
    columns: dict[str, list[object]] = {
        "tenant_ids": [fact.tenant_id for fact in facts],
        "event_ids": [fact.event_id for fact in facts],
        "people": [fact.person for fact in facts],
        "phone_number_ids": [fact.phone_number_id for fact in facts],
        "kinds": [fact.kind for fact in facts],
        "topics": [fact.topic for fact in facts],
        "subject_ids": [fact.subject_id for fact in facts],
        "times": [fact.occurred_at for fact in facts],
        "contents": [fact.content for fact in facts],
    }
    await repository.enqueue(connection, columns, not_to=not_to, only_to=only_to)


def wake() -> None:
    """Facts were committed: deliver them now. Give it to a consumer as `after`; without it they wait for a poll."""
    for ring in _listeners:
        ring()


def listen(ring: Callable[[], None]) -> Callable[[], None]:
    """Have `ring` called at every `wake()` of this process; returns what ends it."""
    _listeners.append(ring)
    return lambda: _listeners.remove(ring)
