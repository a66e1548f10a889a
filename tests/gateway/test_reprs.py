"""What a traceback or a log line may show: no secret, and nothing that a tenant or a person wrote."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from services.gateway.attempts.service import Attempt, Heads
from services.gateway.confirmations.service import _Message, _Text
from services.gateway.deliveries.due import BundleRow
from services.gateway.deliveries.envelope import Addressed, Inbound, Sent, Value
from services.gateway.deliveries.packing import Post
from services.gateway.deliveries.repository import DeliveryRow
from services.gateway.dispatch.caller import _Call
from services.gateway.dispatch.graph_client import Accepted, GraphClient
from services.gateway.graph.recipients import Recipient
from services.gateway.graph.schemas import Part, Request
from services.gateway.graph.sends import Send
from services.gateway.graph.service import Checked
from services.gateway.media.arrivals import Found as File
from services.gateway.media.details import Details
from services.gateway.media.fetching import Content
from services.gateway.references.service import Found
from services.gateway.templates.uses import Given
from services.kernel.crypto import Key, Place

ID, NOW = UUID(int=7), datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "79991234567 whsec_c2VjcmV0"
BYTES = SECRET.encode()


@pytest.mark.parametrize(
    "one",
    [
        Post(ID, ID, ID, 1, 1, SECRET, (SECRET,), BYTES),
        DeliveryRow(ID, ID, ID, 1, 1, BYTES, SECRET, BYTES, BYTES),
        BundleRow(ID, ID, False, 1, NOW, None, True, BYTES, SECRET, BYTES, BYTES, 1, []),
        Inbound({"text": SECRET}, {"wa_id": SECRET}),
        Sent(SECRET, SECRET, SECRET),
        Addressed({"recipient_id": SECRET}, SECRET),
        Value("1", "messages", BYTES),
        Heads(SECRET, SECRET, SECRET),
        Attempt(ID, 1, NOW, 1, 1, 200, "", SECRET, SECRET, SECRET, SECRET),
        _Call(
            GraphClient("http://localhost", connections_max=1),
            SECRET,
            BYTES,
            Place(ID, "", "", ""),
            Key(ID, BYTES),
            BYTES,
        ),
        Accepted(SECRET),
        Found(SECRET, is_inbound=True),
        Send(to=SECRET, phone=SECRET, bsuid=SECRET, country="RU", kind="text", body=BYTES),
        Checked(None, BYTES),
        Recipient(SECRET, SECRET, SECRET, "RU"),
        Request(to=SECRET, recipient=SECRET),
        Part(SECRET),
        Given("text", None, SECRET),
        _Message(sender=SECRET, text=_Text(SECRET)),
        File(SECRET, "image/png", SECRET, SECRET),
        Details(SECRET, SECRET, SECRET),
        Content({"text": SECRET}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_secret_or_a_content_stands_in_no_repr(one: object) -> None:
    fields = tuple(one) if isinstance(one, tuple) else msgspec.structs.astuple(one)  # type: ignore[arg-type]  # all are
    assert SECRET in repr(fields)
    assert SECRET not in repr(one)
