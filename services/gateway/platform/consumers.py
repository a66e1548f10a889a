"""What Meta said outside messages and statuses, read from Kafka."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import wake
from services.gateway.platform import service
from services.kernel.contracts import Event
from services.kernel.contracts import platform as facts
from services.kernel.kafka.consumer import Consumer, Received

EVENTS = (
    facts.TemplateStatusChanged,
    facts.TemplateQualityChanged,
    facts.TemplateComponentsChanged,
    facts.TemplateCategoryChanged,
    facts.NumberQualityChanged,
    facts.NumberNameChanged,
    facts.NumberErrorsReported,
    facts.NumberSecurityNoticed,
    facts.AccountUpdated,
    facts.AccountReviewed,
    facts.AccountAlerted,
    facts.AccountSettingsChanged,
    facts.AccountCapabilityChanged,
    facts.PreferenceChanged,
    facts.PersonRenamed,
)


async def said(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    await service.apply(connection, [one.event for one in batch if isinstance(one.event, facts.Said)])
    return []


CONSUMER = Consumer(group=service.GROUP, topic=facts.PLATFORM, events=EVENTS, handle=said, after=wake)
