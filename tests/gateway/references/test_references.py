"""Ids of ours in a request become Meta's before the request is sealed, and only a tenant's own."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.messages import service as stored
from services.kernel import crypto
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.db import Database
from services.kernel.kafka.record import decode
from tests.gateway.references.chat import Chat
from tests.gateway.stand import Gateway, Tenant, Topic, text

UNKNOWN = (
    "there is no such message at this number: give messages[0].id of a send answer, "
    "or the id of a message from a callback."
)


@pytest.fixture
def chat(gateway: Gateway, gateway_database: Database, tenant: Tenant) -> Chat:
    return Chat(gateway_database, gateway.app.state.keyring, tenant)


async def sealed(gateway: Gateway, topic: Topic, tenant: Tenant) -> list[Any]:
    """The requests that Meta would get of this tenant."""
    found = []
    for record in await topic.read():
        event = decode(record.headers, record.value)
        if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id:
            key = await gateway.app.state.keyring.opening_key(tenant.id, "messages", crypto.sealed_key_id(event.body))
            place = crypto.Place(tenant.id, "messages", "body", str(event.message_id))
            found.append(json.loads(crypto.open_sealed(key, place, event.body)))
    return found


def reaction(message_id: object) -> dict[str, Any]:
    content = {"message_id": str(message_id), "emoji": "👍"}
    return {"messaging_product": "whatsapp", "to": "+79161234567", "type": "reaction", "reaction": content}


async def test_a_quotation_of_what_a_person_wrote_goes_out_under_metas_id(
    gateway: Gateway, tenant: Tenant, messages: Topic, chat: Chat
) -> None:
    theirs, ours = await chat.written("wamid.THEIRS"), await chat.sent("wamid.OURS")
    for id_ in (theirs, ours):
        assert (await gateway.send(tenant, text(context={"message_id": str(id_)}))).status == 200
    assert (await gateway.send(tenant, reaction(theirs))).status == 200
    quoted, quoted_ours, reacted = await sealed(gateway, messages, tenant)
    assert quoted["context"] == {"message_id": "wamid.THEIRS"}
    assert quoted_ours["context"] == {"message_id": "wamid.OURS"}
    assert reacted["reaction"] == {"message_id": "wamid.THEIRS", "emoji": "👍"}


async def test_only_a_message_of_this_number_may_be_named(
    gateway: Gateway, gateway_database: Database, tenant: Tenant, other_tenant: Tenant, chat: Chat
) -> None:
    own_other_number = replace(tenant, phone_number_id="100000000000099")
    foreign = []
    for owner in (other_tenant, own_other_number):
        elsewhere = Chat(gateway_database, gateway.app.state.keyring, owner)
        foreign += [await elsewhere.sent("wamid.A"), await elsewhere.written("wamid.B")]
    for id_ in (*foreign, uuid4(), "wamid.HBgL", "", str(await chat.sent("wamid.C")).upper()):
        for request, field in (
            (text(context={"message_id": str(id_)}), "context.message_id"),
            (reaction(id_), "reaction.message_id"),
        ):
            answer = await gateway.send(tenant, request)
            assert answer.status == 400
            if id_:
                assert (answer.error["code"], answer.error["error_data"]["details"]) == (131009, f"{field}: {UNKNOWN}")


async def test_what_was_not_sent_yet_has_no_id_at_meta(gateway: Gateway, tenant: Tenant, chat: Chat) -> None:
    answer = await gateway.send(tenant, text(context={"message_id": str(await chat.accepted())}))
    assert answer.error["code"] == 131009
    assert answer.error["error_data"]["details"] == (
        "context.message_id: this message was not sent to Meta yet: wait for its status sent."
    )


async def test_many_at_once_are_looked_up_together(gateway: Gateway, tenant: Tenant, chat: Chat) -> None:
    number = await gateway.app.state.directory.number(tenant.phone_number_id)
    references = gateway.app.state.door._rewriter._references
    sent = {str(await chat.sent(f"wamid.{n}")): f"wamid.{n}" for n in range(5)}
    written = {str(await chat.written(f"wamid.in.{n}")): f"wamid.in.{n}" for n in range(5)}
    wanted = {**sent, **written}
    found = await asyncio.gather(*(references.find(number, id_) for id_ in [*wanted, *wanted, str(uuid4())]))
    assert [one.wamid for one in found[:-1]] == [*wanted.values(), *wanted.values()]
    assert found[-1] is None


async def test_the_highest_price_is_published_again_with_the_acceptance(
    gateway: Gateway, gateway_database: Database, tenant: Tenant, messages: Topic
) -> None:
    answer = await gateway.send(tenant, text(max_price="4.5"))
    assert answer.status == 200
    [event] = [
        event
        for record in await messages.read()
        if isinstance(event := decode(record.headers, record.value), MessageAccepted) and event.tenant_id == tenant.id
    ]
    assert event.max_price_micros == 4_500_000
    async with gateway_database.transaction() as connection:
        await stored.accept(connection, [(event, 1)])
        [again] = await stored.acceptances(connection, [tenant.id], [event.message_id])
    assert again == event
