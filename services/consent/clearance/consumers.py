"""Kafka in: accepted messages are decided about, Meta's 131050 is a withdrawal (hot path)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import service
from services.kernel.contracts import Event
from services.kernel.contracts.messages import MESSAGES, MessageAccepted
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import Consumer, Received
from services.kernel.tenants import TenantDirectory

UNKNOWN_CLASS = "unknown"  # a tenant whose fact has not arrived: only rules for everybody speak


def messages_consumer(directory: TenantDirectory) -> Consumer:
    """Decides about each accepted message once; its row in `decisions` is its first sight."""

    def class_of(tenant_id: UUID) -> str:
        tenant = directory.tenant(tenant_id)
        return tenant.tenant_class if tenant else UNKNOWN_CLASS

    async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        accepted = [received.event for received in batch if isinstance(received.event, MessageAccepted)]
        return await service.decide(connection, accepted, class_of=class_of)

    return Consumer(group="consent.messages", topic=MESSAGES, events=(MessageAccepted,), handle=handle)


async def handle_statuses(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    reports = [received.event for received in batch if isinstance(received.event, StatusReported)]
    return await service.learn_from_reports(connection, reports)


STATUSES_CONSUMER = Consumer(group="consent.statuses", topic=STATUSES, events=(StatusReported,), handle=handle_statuses)
