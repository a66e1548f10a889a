"""What billing says about a reservation: built from what is stored alone, so that every redelivery gets the same."""

from datetime import datetime
from uuid import UUID

from services.billing.reservations.repository import Moved, Reservation
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.charges import ChargeCaptured, ChargeReleased
from services.kernel.contracts.clearances import MessageCleared
from services.kernel.contracts.reservations import MessageFunded, MessageUnfunded

# Meta's code for "there is no way to pay for this" (whatsapp-cloud-api 4).
UNPAYABLE_CODE = 131042


def to_clearance(event: MessageCleared, reservation: Reservation) -> list[Event]:
    """Whether the message is paid for, and its capture, when this very record brought that about."""
    if reservation.captured_at is None or reservation.capture_cause != event.id:
        return [_funding(event, reservation)]
    return [_funding(event, reservation), _capture(reservation, reservation.captured_at)]


def to_end(tenant_id: UUID, message_id: UUID, moved: Moved, *, is_overdue: bool) -> Event:
    """The price was earned, or went back to the wallet."""
    if moved.is_capture and moved.captured_at is not None:
        return ChargeCaptured(
            id=event_id(message_id, "captured"),
            occurred_at=moved.captured_at,
            tenant_id=tenant_id,
            message_id=message_id,
            amount_micros=moved.price_micros,
            currency=moved.currency,
            is_late=moved.returned_at is not None,
        )
    assert moved.returned_at is not None
    return ChargeReleased(
        id=event_id(message_id, "released"),
        occurred_at=moved.returned_at,
        tenant_id=tenant_id,
        message_id=message_id,
        amount_micros=moved.price_micros,
        currency=moved.currency,
        reason="failed" if moved.return_reason == "failed" else "expired",
        is_overdue=is_overdue,
    )


def _funding(event: MessageCleared, reservation: Reservation) -> MessageFunded | MessageUnfunded:
    if reservation.price_micros is None:
        return MessageUnfunded(
            id=event_id(reservation.message_id, "unfunded"),
            occurred_at=reservation.decided_at,
            tenant_id=event.tenant_id,
            message_id=event.message_id,
            person=event.person,
            code=UNPAYABLE_CODE,
            reason=reservation.reason or "",
            lane=event.lane,
            cleared_at=event.occurred_at,
        )
    return MessageFunded(
        id=event_id(event.message_id, "funded"),
        occurred_at=reservation.decided_at,
        tenant_id=event.tenant_id,
        message_id=event.message_id,
        person=event.person,
        price_micros=reservation.price_micros,
        currency=reservation.currency or "",
        rate_card_version=reservation.rate_card_version or 0,
        is_free=bool(reservation.is_free),
        lane=event.lane,
        cleared_at=event.occurred_at,
        month=reservation.month,
        position=reservation.position,
    )


def _capture(reservation: Reservation, captured_at: datetime) -> ChargeCaptured:
    """Reached before it was reserved: earned at once."""
    return ChargeCaptured(
        id=event_id(reservation.message_id, "captured"),
        occurred_at=captured_at,
        tenant_id=reservation.tenant_id,
        message_id=reservation.message_id,
        amount_micros=reservation.price_micros or 0,
        currency=reservation.currency or "",
        is_late=reservation.returned_at is not None,
    )
