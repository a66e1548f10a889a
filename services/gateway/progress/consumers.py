"""Which facts move messages on."""

from collections.abc import Callable

from services.gateway.callbacks.service import wake as wake_callbacks
from services.gateway.progress import service
from services.kernel.contracts.charges import CHARGES, ChargeCaptured, ChargeReleased
from services.kernel.contracts.clearances import CLEARANCES, MessageCleared, MessageRefused
from services.kernel.contracts.messages import MESSAGES, MessageAccepted
from services.kernel.contracts.reservations import RESERVATIONS, MessageFunded, MessageUnfunded
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import Consumer


def consumers(*, wake_dispatcher: Callable[[], None]) -> tuple[Consumer, ...]:
    """The gateway's consumers of facts about messages."""
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
            events=(MessageCleared, MessageRefused),
            handle=service.judged,
            after=wake_callbacks,
        ),
        Consumer(
            group="gateway.reservations",
            topic=RESERVATIONS,
            events=(MessageFunded, MessageUnfunded),
            handle=service.funded,
            after=wake_dispatcher,
        ),
        Consumer(
            group="gateway.statuses",
            topic=STATUSES,
            events=(StatusReported,),
            handle=service.reported,
            after=wake_callbacks,
        ),
        Consumer(
            group="gateway.charges", topic=CHARGES, events=(ChargeCaptured, ChargeReleased), handle=service.charged
        ),
    )
