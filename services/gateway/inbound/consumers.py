"""What people wrote, and the windows it opened, read from Kafka (hot path)."""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import wake
from services.gateway.confirmations.service import Wanted
from services.gateway.inbound import service
from services.kernel.contracts import Event
from services.kernel.contracts.conversations import CONVERSATIONS, InboundJudged
from services.kernel.contracts.inbound import INBOUND, InboundReceived
from services.kernel.kafka.consumer import Consumer, Received

Confirm = Callable[[AsyncConnection, Sequence[Wanted]], Awaitable[None]]
Arrived = Callable[[AsyncConnection, Sequence[InboundReceived]], Awaitable[None]]


def consumers(*, arrived: Arrived, wake_fetcher: Callable[[], None], confirm: Confirm) -> tuple[Consumer, ...]:
    """`arrived` plans, in the same transaction, to fetch the files that came; `wake_fetcher` says that it may begin.

    `confirm` answers those whose STOP or START is whole now, in the same transaction as well.
    """

    async def received(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        events = [r.event for r in batch if isinstance(r.event, InboundReceived)]
        await confirm(connection, await service.received(connection, events))
        await arrived(connection, events)
        return []

    async def judged(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        events = [r.event for r in batch if isinstance(r.event, InboundJudged)]
        await confirm(connection, await service.judged(connection, events))
        return []

    def wake_both() -> None:
        wake()
        wake_fetcher()

    return (
        Consumer(group="gateway.inbound", topic=INBOUND, events=(InboundReceived,), handle=received, after=wake_both),
        Consumer(
            group="gateway.conversations", topic=CONVERSATIONS, events=(InboundJudged,), handle=judged, after=wake
        ),
    )
