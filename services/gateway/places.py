"""Where the gateway's own ciphertexts live; ids are texts as `str(UUID)` writes them."""

from uuid import UUID

from services.kernel.crypto import Place


def message_body(tenant_id: UUID, message_id: str) -> Place:
    """The send request as it was accepted."""
    return Place(tenant_id, "messages", "body", message_id)


def message_wamid(tenant_id: UUID, message_id: str) -> Place:
    """Meta's id of what was sent."""
    return Place(tenant_id, "messages", "wamid", message_id)


def delivery_body(tenant_id: UUID, delivery_id: str) -> Place:
    return Place(tenant_id, "callback_deliveries", "body", delivery_id)


def attempt_heads(tenant_id: UUID, attempt_id: str) -> Place:
    return Place(tenant_id, "callback_attempts", "heads", attempt_id)


def signing_secret(tenant_id: UUID, endpoint_id: str) -> Place:
    return Place(tenant_id, "callback_endpoints", "secret", endpoint_id)


def media_file(tenant_id: UUID, media_id: str) -> Place:
    return Place(tenant_id, "media", "file", media_id)


def media_details(tenant_id: UUID, media_id: str) -> Place:
    return Place(tenant_id, "media", "details", media_id)


def number_column(tenant_id: UUID, column: str, phone_number_id: str) -> Place:
    """What is sealed of a number: its phone number and its access token."""
    return Place(tenant_id, "numbers", column, phone_number_id)
