"""Every fact that travels on Kafka, declared once; importing this package declares them all."""

from services.kernel.contracts import (
    charges,
    clearances,
    conversations,
    inbound,
    messages,
    outcomes,
    platform,
    reservations,
    statuses,
    tenants,
)
from services.kernel.contracts.base import EVENT_TYPES, TOPICS, Event, Topic, event_id

__all__ = [
    "EVENT_TYPES",
    "TOPICS",
    "Event",
    "Topic",
    "charges",
    "clearances",
    "conversations",
    "event_id",
    "inbound",
    "messages",
    "outcomes",
    "platform",
    "reservations",
    "statuses",
    "tenants",
]
