"""One idempotency key, one message, whatever is repeated and whatever dies."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql

from services.gateway.graph.schemas import read_send
from services.gateway.graph.sends import Posting
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.db import Database
from services.kernel.identifiers import moment_of
from services.kernel.kafka.record import decode
from tests.gateway.stand import AnotherGateway, Answer, Gateway, Tenant, Topic, template, text


def id_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json()["messages"][0]["id"])


async def rows(database: Database, tenant: Tenant) -> list[tuple[UUID, bool, bool]]:
    """(message id, is finished, is leased) of every key of a tenant"""
    statement = (
        "select message_id, finished_at is not null, lease_until > now() from idempotency_keys where tenant_id = :t"
    )
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(sql(statement), {"t": tenant.id})]


async def end_leases(database: Database, tenant: Tenant) -> None:
    """What ten seconds do."""
    async with database.transaction() as connection:
        await connection.execute(
            sql("update idempotency_keys set lease_until = now() where tenant_id = :t"), {"t": tenant.id}
        )


async def accepted(topic: Topic, tenant: Tenant) -> list[MessageAccepted]:
    events = [decode(record.headers, record.value) for record in await topic.read()]
    found = [event for event in events if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id]
    return sorted(found, key=lambda event: event.message_id)  # lanes have partitions of their own


async def test_twenty_parallel_posts_with_one_key_are_one_message(gateway: Gateway, messages: Topic) -> None:
    tenant = await gateway.new_tenant()
    answers = await asyncio.gather(*(gateway.send(tenant, text(), idempotency_key="order-58") for _ in range(20)))
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status == 409)
    assert len({event.message_id for event in await accepted(messages, tenant)}) == 1


async def test_two_processes_share_one_key(
    gateway: Gateway,
    another_gateway: AnotherGateway,
    messages: Topic,
) -> None:
    tenant = await gateway.new_tenant()
    async with another_gateway() as second:
        answers = await asyncio.gather(
            *(
                process.send(tenant, text(), idempotency_key=f"order-{number}")
                for number in range(10)
                for process in (gateway, second, gateway)
            )
        )
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({event.message_id for event in await accepted(messages, tenant)}) == 10


async def test_a_repeat_of_a_finished_request_gets_the_same_answer(gateway: Gateway, messages: Topic) -> None:
    tenant = await gateway.new_tenant()
    first = await gateway.send(tenant, text(), idempotency_key="order-58")
    second = await gateway.send(tenant, text(), idempotency_key="order-58")
    assert id_of(first) == id_of(second)
    assert first.body == second.body
    assert len(await accepted(messages, tenant)) == 1


async def test_a_key_stands_for_one_body_and_one_number(gateway: Gateway, tenant: Tenant) -> None:
    assert (await gateway.send(tenant, text("первое"), idempotency_key="k")).status == 200
    answer = await gateway.send(tenant, text("второе"), idempotency_key="k")
    assert answer.status == 422
    assert answer.error == {
        "message": "(#100) Invalid parameter",
        "type": "OAuthException",
        "code": 100,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "this Idempotency-Key was used for another request: use a new key for a new message",
        },
    }


async def test_two_tenants_may_use_the_same_key(gateway: Gateway, tenant: Tenant, other_tenant: Tenant) -> None:
    key = str(uuid4())
    mine = await gateway.send(tenant, text(), idempotency_key=key)
    theirs = await gateway.send(other_tenant, text(), idempotency_key=key)
    assert id_of(mine) != id_of(theirs)


async def test_a_crash_between_taking_the_key_and_publishing_leaves_a_lease_that_ends(
    gateway: Gateway, gateway_database: Database, messages: Topic
) -> None:
    tenant = await gateway.new_tenant()
    door = gateway.app.state.door
    number = await gateway.app.state.directory.number(tenant.phone_number_id)
    claim = await door._claim(
        number, Posting(tenant.phone_number_id, read_send(json.dumps(text()).encode())), "order-58"
    )
    taken = await door._keys.take(claim)  # ... and here the process dies

    while_leased = await gateway.send(tenant, text(), idempotency_key="order-58")
    assert while_leased.status == 409
    assert while_leased.headers["Retry-After"] == "1"
    assert while_leased.error == {
        "message": "(#2) Service temporarily unavailable",
        "type": "OAuthException",
        "code": 2,
        "is_transient": True,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "a request with this Idempotency-Key is under way: repeat it later",
        },
    }
    assert await accepted(messages, tenant) == []

    await end_leases(gateway_database, tenant)
    assert id_of(await gateway.send(tenant, text(), idempotency_key="order-58")) == str(taken.message_id)
    [event] = await accepted(messages, tenant)
    assert event.message_id == taken.message_id


async def test_a_failed_publish_ends_the_lease_and_keeps_the_id(
    gateway: Gateway,
    another_gateway: AnotherGateway,
    gateway_database: Database,
    messages: Topic,
) -> None:
    tenant = await gateway.new_tenant()
    async with another_gateway() as cut_off:
        await cut_off.app.state.publisher.stop()
        failed = await cut_off.send(tenant, text(), idempotency_key="order-58")
    assert failed.status == 503
    assert failed.headers["Retry-After"] == "1"
    assert failed.error["code"] == 2
    assert failed.error["is_transient"] is True
    [(message_id, is_finished, is_leased)] = await rows(gateway_database, tenant)
    assert (is_finished, is_leased) == (False, False)

    assert id_of(await gateway.send(tenant, text(), idempotency_key="order-58")) == str(message_id)
    assert [event.message_id for event in await accepted(messages, tenant)] == [message_id]
    assert await rows(gateway_database, tenant) == [(message_id, True, False)]


async def test_the_same_message_published_again_is_the_same_fact(
    gateway: Gateway, gateway_database: Database, messages: Topic
) -> None:
    tenant = await gateway.new_tenant()
    first = id_of(await gateway.send(tenant, text(), idempotency_key="order-58"))
    async with gateway_database.transaction() as connection:  # as if the mark had never been written
        await connection.execute(
            sql("update idempotency_keys set finished_at = null, lease_until = now() where tenant_id = :t"),
            {"t": tenant.id},
        )
    assert id_of(await gateway.send(tenant, text(), idempotency_key="order-58")) == first
    one, other = await accepted(messages, tenant)
    assert (one.id, one.occurred_at, one.expires_at) == (other.id, other.occurred_at, other.expires_at)
    assert one.occurred_at == moment_of(one.message_id)


async def test_a_finished_request_is_repeated_even_when_its_template_was_paused(
    another_gateway: AnotherGateway, gateway: Gateway, gateway_database: Database
) -> None:
    tenant = await gateway.new_tenant()
    first = id_of(await gateway.send(tenant, template("58"), idempotency_key="order-58"))
    async with gateway_database.transaction() as connection:
        await connection.execute(sql("update templates set state = 'paused' where tenant_id = :t"), {"t": tenant.id})
    async with another_gateway() as fresh:
        assert id_of(await fresh.send(tenant, template("58"), idempotency_key="order-58")) == first
        assert (await fresh.send(tenant, template("58"), idempotency_key="order-59")).error["code"] == 132001


async def test_a_refused_request_does_not_use_its_key_up(gateway: Gateway, tenant: Tenant) -> None:
    assert (await gateway.send(tenant, template(), idempotency_key="corrected")).status == 400
    assert (await gateway.send(tenant, template("58"), idempotency_key="corrected")).status == 200


@pytest.mark.parametrize("key", ["x", "x" * 255, "a key with spaces ~"])
async def test_a_key_has_up_to_255_printable_characters(gateway: Gateway, tenant: Tenant, key: str) -> None:
    assert (await gateway.send(tenant, text(), idempotency_key=key)).status == 200
