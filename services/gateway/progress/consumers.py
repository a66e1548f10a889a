"""Which facts move messages on."""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import wake as wake_callbacks
from services.gateway.progress import service
from services.kernel.contracts import Event
from services.kernel.contracts.clearances import CLEARANCES, MessageRefused
from services.kernel.contracts.messages import MESSAGES, MessageAccepted
from services.kernel.contracts.reservations import RESERVATIONS, MessageFunded, MessageUnfunded
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import TICK_SECONDS_OF_REPORTS, Consumer, Received


def consumers(
    *, wake_dispatcher: Callable[[], None], see_funded: Callable[[Sequence[Received]], None]
) -> tuple[Consumer, ...]:
    """The gateway's consumers of facts about messages; `see_funded` gets each batch of answers about money."""

    async def funded(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        facts = await service.funded(connection, batch)
        see_funded(batch)
        return facts

    return (
        Consumer(
            group="gateway.messages",
            topic=MESSAGES,
            events=(MessageAccepted,),
            handle=service.accepted,
            after=wake_dispatcher,
        ),
        Consumer(
            group="gateway.clearances",
            topic=CLEARANCES,
            events=(MessageRefused,),
            handle=service.refused,
            after=wake_callbacks,
            tick_seconds=TICK_SECONDS_OF_REPORTS,
        ),
        Consumer(
            group="gateway.reservations",
            topic=RESERVATIONS,
            events=(MessageFunded, MessageUnfunded),
            handle=funded,
            after=wake_dispatcher,
        ),
        Consumer(
            group="gateway.statuses",
            topic=STATUSES,
            events=(StatusReported,),
            handle=service.reported,
            after=wake_callbacks,
            tick_seconds=TICK_SECONDS_OF_REPORTS,
        ),
    )
