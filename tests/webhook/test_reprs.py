"""What a traceback or a log line may show of a webhook: no key of a tenant's, and nothing that a person wrote."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from services.kernel.contracts.tenants import TenantChanged
from services.kernel.crypto import Key
from services.webhook.inbound.service import Message, Text
from services.webhook.parts.service import Held, Unreadable
from services.webhook.people.service import UNKNOWN, AddressBook, Contact
from services.webhook.routing.service import Owner
from services.webhook.statuses.service import Report

ID, NOW = UUID(int=7), datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "79991234567 c2VjcmV0"
BYTES = SECRET.encode()
TENANT = TenantChanged(
    id=ID,
    occurred_at=NOW,
    tenant_id=ID,
    entity=f"tenant:{ID}",
    version=1,
    name="Shop",
    state="active",
    tenant_class="standard",
    zone="Europe/Moscow",
    public_key=b"",
    service_keys={},
)


@pytest.mark.parametrize(
    "one",
    [
        Owner(TENANT, "1", BYTES, Key(ID, BYTES), "live"),
        Held("malformed", None, None, BYTES),
        Unreadable(BYTES),
        Contact(SECRET, SECRET),
        AddressBook({SECRET: UNKNOWN}, UNKNOWN),
        Report(id=SECRET, status="read", timestamp=1, recipient_id=SECRET),
        Message(id=SECRET, timestamp=1, sender=SECRET, text=Text(SECRET)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_key_or_a_content_stands_in_no_repr(one: object) -> None:
    fields = tuple(one) if isinstance(one, tuple) else msgspec.structs.astuple(one)  # type: ignore[arg-type]  # all are
    assert SECRET in repr(fields)
    assert SECRET not in repr(one)
