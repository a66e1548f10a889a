"""The acceptance of a message, as it is published (hot path)."""

from datetime import timedelta
from uuid import UUID

from services.gateway.graph.sends import Send
from services.gateway.keys.service import Keyring
from services.gateway.places import message_body
from services.gateway.templates.service import Template
from services.gateway.tenants.service import Number
from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.messages import Category, Kind, Lane, MessageAccepted
from services.kernel.identifiers import moment_of, text_of

# A message that nobody could send within a day is no longer what the tenant meant (architecture 2.1).
TIME_TO_LIVE = timedelta(hours=24)


async def accepted(
    keyring: Keyring,
    *,
    message_id: UUID,
    number: Number,
    send: Send,
    person: str,
    body: bytes,
    template: Template | None,
    expires_in_seconds: int | None,
) -> MessageAccepted:
    """The fact, with `body` sealed; raises NoSuchKey, Unavailable."""
    tenant_id = number.tenant_id
    key = await keyring.key(tenant_id, "messages")
    occurred_at = moment_of(message_id)  # published again it has the same time, and so meets its own row
    return MessageAccepted(
        id=event_id(message_id, "accepted"),
        occurred_at=occurred_at,
        tenant_id=tenant_id,
        message_id=message_id,
        phone_number_id=number.phone_number_id,
        person=person,
        kind=send.kind,
        category=category_of(template),
        country=send.country,
        lane=lane_of(send.kind, template),
        expires_at=occurred_at + (timedelta(seconds=expires_in_seconds) if expires_in_seconds else TIME_TO_LIVE),
        body=crypto.seal(key, message_body(tenant_id, text_of(message_id)), body),
        template_id=template.id if template else None,
        template_version=template.version if template else None,
        max_price_micros=send.max_price_micros,
    )


def category_of(template: Template | None) -> Category:
    """Free-form messages are service conversations; a template says its own category."""
    return template.category if template else "service"


def lane_of(kind: Kind, template: Template | None) -> Lane:
    """Replies and codes must not wait behind a mailing."""
    return "express" if kind != "template" or category_of(template) == "authentication" else "bulk"
