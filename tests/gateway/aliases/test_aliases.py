"""A message to a BSUID goes to the person whose number wrote with it, and to nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.gateway.inbound import service as inbound
from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.db import Database
from services.kernel.kafka.record import decode
from tests.gateway.stand import Gateway, Tenant, Topic

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def index(gateway: Gateway, tenant: Tenant, kind: str, value: str) -> str:
    return crypto.blind_index(await gateway.app.state.keyring.index_key(tenant.id), kind, value)


async def wrote(
    gateway: Gateway, database: Database, tenant: Tenant, *, phone: str, bsuid: str, at: datetime = NOW
) -> str:
    """A person writes with both names; the person's index."""
    inbound_id: UUID = uuid4()
    person = await index(gateway, tenant, "phone", phone)
    event = InboundReceived(
        id=event_id(inbound_id, "received"),
        occurred_at=at,
        tenant_id=tenant.id,
        inbound_id=inbound_id,
        phone_number_id=tenant.phone_number_id,
        person=person,
        kind="text",
        signals=(),
        wamid_index=inbound_id.hex,
        wamid=b"sealed",
        content=b"sealed",
        bsuid=await index(gateway, tenant, "bsuid", bsuid),
    )
    async with database.transaction() as connection:
        await inbound.received(connection, [event, event])
    return person


async def persons(gateway: Gateway, topic: Topic, tenant: Tenant, bsuid: str) -> list[str]:
    """To whom a text to this BSUID is accepted."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient": bsuid, "text": {"body": "Да"}}
    assert (await gateway.send(tenant, body)).status == 200
    events = [decode(record.headers, record.value) for record in await topic.read()]
    return [event.person for event in events if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id]


async def test_a_bsuid_that_wrote_with_a_number_is_the_person_of_the_number(
    gateway: Gateway, gateway_database: Database, tenant: Tenant, messages: Topic
) -> None:
    person = await wrote(gateway, gateway_database, tenant, phone="+79160000001", bsuid="RU.1")
    assert await persons(gateway, messages, tenant, "RU.1") == [person]


async def test_a_bsuid_that_nobody_saw_is_a_person_of_its_own(
    gateway: Gateway, tenant: Tenant, messages: Topic
) -> None:
    assert await persons(gateway, messages, tenant, "RU.2") == [await index(gateway, tenant, "bsuid", "RU.2")]


async def test_the_newest_sighting_wins_also_when_it_comes_first(
    gateway: Gateway, gateway_database: Database, tenant: Tenant, messages: Topic
) -> None:
    newest = await wrote(gateway, gateway_database, tenant, phone="+79160000003", bsuid="RU.3")
    older = NOW - timedelta(hours=1)
    await wrote(gateway, gateway_database, tenant, phone="+79160000004", bsuid="RU.3", at=older)
    assert await persons(gateway, messages, tenant, "RU.3") == [newest]


async def test_another_tenant_knows_nothing_of_it(
    gateway: Gateway, gateway_database: Database, tenant: Tenant, other_tenant: Tenant, messages: Topic
) -> None:
    await wrote(gateway, gateway_database, tenant, phone="+79160000005", bsuid="RU.5")
    assert await persons(gateway, messages, other_tenant, "RU.5") == [
        await index(gateway, other_tenant, "bsuid", "RU.5")
    ]
