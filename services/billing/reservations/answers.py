"""What billing says about a reservation: built from its row alone, so that it is the same at every redelivery."""

from services.billing.reservations.repository import Reservation
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.charges import ChargeCaptured, ChargeReleased
from services.kernel.contracts.clearances import MessageCleared
from services.kernel.contracts.reservations import MessageFunded, MessageUnfunded

# Meta's code for "there is no way to pay for this" (whatsapp-cloud-api 4).
UNPAYABLE_CODE = 131042


def answers_to(event: Event, reservation: Reservation | None) -> list[Event]:
    """The results of one record: the answer to a clearance, and the charges that this record brought about."""
    if reservation is None:
        return []
    answers: list[Event] = []
    if isinstance(event, MessageCleared):
        answers.append(funding_of(event, reservation))
    if reservation.return_cause == event.id:
        answers.append(release_of(reservation))
    if reservation.capture_cause == event.id:
        answers.append(capture_of(reservation))
    return answers


def funding_of(event: MessageCleared, reservation: Reservation) -> MessageFunded | MessageUnfunded:
    """Whether the message is paid for."""
    if reservation.price_micros is None:
        return MessageUnfunded(
            id=event_id(reservation.message_id, "unfunded"),
            occurred_at=reservation.decided_at,
            tenant_id=reservation.tenant_id,
            message_id=reservation.message_id,
            person=event.person,
            code=UNPAYABLE_CODE,
            reason=reservation.reason or "",
        )
    return MessageFunded(
        id=event_id(reservation.message_id, "funded"),
        occurred_at=reservation.decided_at,
        tenant_id=reservation.tenant_id,
        message_id=reservation.message_id,
        person=event.person,
        price_micros=reservation.price_micros,
        currency=reservation.currency or "",
        rate_card_version=reservation.rate_card_version or 0,
        is_free=bool(reservation.is_free),
    )


def capture_of(reservation: Reservation) -> ChargeCaptured:
    """The price was earned; late, when it had been given back before."""
    assert reservation.captured_at is not None
    return ChargeCaptured(
        id=event_id(reservation.message_id, "captured"),
        occurred_at=reservation.captured_at,
        tenant_id=reservation.tenant_id,
        message_id=reservation.message_id,
        amount_micros=reservation.price_micros or 0,
        currency=reservation.currency or "",
        is_late=reservation.returned_at is not None,
    )


def release_of(reservation: Reservation) -> ChargeReleased:
    """The price went back to the wallet."""
    assert reservation.returned_at is not None
    return ChargeReleased(
        id=event_id(reservation.message_id, "released"),
        occurred_at=reservation.returned_at,
        tenant_id=reservation.tenant_id,
        message_id=reservation.message_id,
        amount_micros=reservation.price_micros or 0,
        currency=reservation.currency or "",
        reason="failed" if reservation.return_reason == "failed" else "expired",
    )
