"""Facts of our own making about an endpoint: a test on demand, and the notice that it was disabled."""

import base64
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import repository
from services.gateway.callbacks.bundles import CallbackFact
from services.gateway.callbacks.errors import TooManyTests
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.service import enqueue
from services.gateway.callbacks.topics import NOTICE_TOPIC, TEST_TOPIC
from services.gateway.keys.service import Keyring
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.crypto.places import platform_value
from services.kernel.identifiers import uuid7

NO_WABA = "0"
TESTS_WAITING_MAX = 20  # among the latest thousand facts that wait for an endpoint


async def send_test(connection: AsyncConnection, keyring: Keyring, endpoint: EndpointRow) -> UUID:
    """Queue a test for this endpoint alone; returns the event id that it will see, raises TooManyTests."""
    if await repository.waiting(connection, endpoint.id, TEST_TOPIC) >= TESTS_WAITING_MAX:
        raise TooManyTests(f"{TESTS_WAITING_MAX} tests wait for this endpoint already: let it answer, then test again")
    value = {"endpoint_id": str(endpoint.id)}
    fact = await _fact(keyring, endpoint.tenant_id, event_id=uuid7(), topic=TEST_TOPIC, at=clock.now(), value=value)
    await enqueue(connection, [fact], only_to=endpoint.id)
    return fact.event_id


async def tell_disabled(
    connection: AsyncConnection, keyring: Keyring, *, tenant_id: UUID, endpoint_id: UUID, reason: str, at: datetime
) -> None:
    """Queue the notice for the tenant's other endpoints."""
    value = {"endpoint_id": str(endpoint_id), "reason": reason, "disabled_at": at.isoformat()}
    notice_id = event_id(endpoint_id, f"disabled:{at.isoformat()}")
    fact = await _fact(keyring, tenant_id, event_id=notice_id, topic=NOTICE_TOPIC, at=at, value=value)
    await enqueue(connection, [fact], not_to=[endpoint_id])


async def _fact(
    keyring: Keyring, tenant_id: UUID, *, event_id: UUID, topic: str, at: datetime, value: dict[str, str]
) -> CallbackFact:
    """In the form of Meta's own platform facts, whose values are sealed with webhook's data key."""
    place = platform_value(tenant_id, str(event_id))
    sealed = crypto.seal(await keyring.service_key(tenant_id, "webhook"), place, msgspec.json.encode(value))
    content = {
        "field": topic,
        "waba_id": NO_WABA,
        "sealed_value": base64.b64encode(sealed).decode(),
        "time": int(at.timestamp()),
    }
    return CallbackFact(
        event_id=event_id,
        tenant_id=tenant_id,
        person="",
        phone_number_id="",
        kind="platform",
        topic=topic,
        subject_id=event_id,
        occurred_at=at,
        content=msgspec.json.encode(content),
    )
