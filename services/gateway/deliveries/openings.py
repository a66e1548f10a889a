"""Opening what a callback needs of sealed contents, each counted by purpose; what does not open is told without it."""

from typing import Any, TypeVar
from uuid import UUID

import msgspec

from services.gateway.deliveries import metrics
from services.gateway.deliveries.envelope import Inbound, Reported, Sent
from services.gateway.keys.service import Keyring
from services.kernel import crypto
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

T = TypeVar("T")

_log = get_logger()
_sent = msgspec.json.Decoder(Sent)
_inbound = msgspec.json.Decoder(Inbound)
_object = msgspec.json.Decoder(dict[str, Any])
_reported = msgspec.json.Decoder(Reported)
_OPENED = {
    purpose: metrics.OPENINGS.labels(purpose, "opened") for purpose in ("messages", "inbound", "statuses", "platform")
}


class Openings:
    """Automatic openings for the tenant's own callbacks."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._latest: tuple[UUID, crypto.Key] | None = None  # the webhook's: a tenant's facts stand together

    def forget_keys(self) -> None:
        """Ask the keyring again: a key that was destroyed opens nothing after that."""
        self._latest = None

    async def sent(self, tenant_id: UUID, message_id: str, sealed: bytes) -> Sent | None:
        """Of an outgoing message: whom it went to, and the tenant's own value."""
        try:
            key = await self._keyring.opening_key(tenant_id, "messages", crypto.sealed_key_id(sealed))
            place = crypto.Place(tenant_id, "messages", "body", message_id)
            return _counted("messages", _sent.decode(crypto.open_sealed(key, place, sealed)))
        except (ServiceError, msgspec.MsgspecError) as error:
            _failed("messages", tenant_id, error)
            return None

    async def inbound(self, tenant_id: UUID, inbound_id: str, sealed: bytes) -> Inbound | None:
        """An inbound message as the webhook sealed it to the tenant."""
        try:
            private_key = await self._keyring.box_private_key(tenant_id)
            plain = crypto.open_box(private_key, f"inbound:{inbound_id}", sealed)
            return _counted("inbound", _inbound.decode(plain))
        except (ServiceError, msgspec.MsgspecError) as error:
            _failed("inbound", tenant_id, error)
            return None

    async def reported(self, tenant_id: UUID, event_id: str, sealed: bytes) -> Reported | None:
        """Meta's own words of a status, as the webhook sealed them with its own data key."""
        try:
            key = await self._webhook_key(tenant_id, crypto.sealed_key_id(sealed))
            place = crypto.Place(tenant_id, "statuses", "details", event_id)
            return _counted("statuses", _reported.decode(crypto.open_sealed(key, place, sealed)))
        except (ServiceError, msgspec.MsgspecError) as error:
            _failed("statuses", tenant_id, error)
            return None

    async def platform(self, tenant_id: UUID, event_id: str, sealed: bytes) -> dict[str, Any] | None:
        """What Meta said beside messages, as the webhook sealed it with its own data key."""
        try:
            key = await self._webhook_key(tenant_id, crypto.sealed_key_id(sealed))
            place = crypto.Place(tenant_id, "platform", "value", event_id)
            return _counted("platform", _object.decode(crypto.open_sealed(key, place, sealed)))
        except (ServiceError, msgspec.MsgspecError) as error:
            _failed("platform", tenant_id, error)
            return None

    async def _webhook_key(self, tenant_id: UUID, key_id: UUID) -> crypto.Key:
        known = self._latest
        # Their numbers, because comparing UUIDs is slow.
        if known is None or known[0].int != tenant_id.int or known[1].id.int != key_id.int:
            known = (tenant_id, await self._keyring.service_opening_key(tenant_id, "webhook", key_id))
            self._latest = known
        return known[1]


def _counted(purpose: str, opened: T) -> T:
    _OPENED[purpose].inc()
    return opened


def _failed(purpose: str, tenant_id: UUID, error: ServiceError | msgspec.MsgspecError) -> None:
    """Count what will never open; an outage is raised again, and the facts wait."""
    if isinstance(error, ServiceError) and error.retryable:
        raise error
    metrics.OPENINGS.labels(purpose, "failed").inc()
    _log.error("content does not open", kind=purpose, tenant_id=str(tenant_id), error_class=type(error).__name__)
