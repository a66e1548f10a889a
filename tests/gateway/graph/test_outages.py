"""What the send door does while something under it is down."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import text as sql

from services.gateway.graph.service import PENDING_BYTES_MAX
from services.kernel.db import Database
from services.kernel.settings import KafkaSettings
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import AnotherGateway, Gateway, Keys, Tenant, database_down, running, template, text


async def test_the_door_stays_open_while_the_database_is_down(
    infrastructure: Infrastructure,
    make_database: Callable[[str], Awaitable[Database]],
    keys: Keys,
    kek_file: Path,
) -> None:
    database = await make_database("gateway")
    async with running(infrastructure, database, keys, kek_file) as process:
        known, unknown = await process.new_tenant(), await process.new_tenant()
        assert (await process.send(known, template("58"))).status == 200
        age(process)
        async with database_down(infrastructure, database):
            assert (await process.send(known, template("58"))).status == 200
            assert (await process.send(known, text())).status == 200
            with_key = await process.send(known, text(), idempotency_key="order-58")
            stranger = await process.send(unknown, text())
        for answer in (with_key, stranger):
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.error["code"] == 2
            assert answer.error["is_transient"] is True
        assert (await process.send(unknown, text())).status == 200
        assert (await process.send(known, text(), idempotency_key="order-58")).status == 200


def age(process: Gateway) -> None:
    """Make everything that the process remembers too old to be used without asking."""
    state = process.app.state
    for remembered in (
        state.directory._numbers,
        state.directory._principals,
        state.keyring._tenants,
        state.door._catalogue._templates,
    ):
        assert remembered._entries
        for entry in remembered._entries.values():
            entry.fresh_until = 0.0


async def test_what_kafka_did_not_acknowledge_is_not_accepted(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway() as process:
        await process.app.state.publisher.stop()
        answer = await process.send(tenant, text())
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.error == {
        "message": "(#2) Service temporarily unavailable",
        "type": "OAuthException",
        "code": 2,
        "is_transient": True,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "We could not take the message in: try again.",
        },
    }


async def test_a_door_that_starts_while_kafka_is_away_is_open_and_says_so(
    another_gateway: AnotherGateway, tenant: Tenant
) -> None:
    async with another_gateway(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")) as process:
        answers = [await process.send(tenant, text()) for _ in range(3)]
    assert [(answer.status, answer.headers["Retry-After"]) for answer in answers] == [(503, "1")] * 3


async def test_a_suspended_tenant_is_locked_out(
    another_gateway: AnotherGateway, gateway_database: Database, gateway: Gateway
) -> None:
    tenant = await gateway.new_tenant()
    async with gateway_database.transaction() as connection:
        await connection.execute(sql("update tenants set state = 'suspended' where id = :id"), {"id": tenant.id})
    async with another_gateway() as process:
        answer = await process.send(tenant, text())
    assert answer.status == 403
    assert answer.error["code"] == 131031


async def test_a_full_door_says_when_to_come_back(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway() as process:
        process.app.state.door._acceptances._pending_max = 0
        answer = await process.send(tenant, text())
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.error["code"] == 130429
    assert answer.error["error_data"]["details"] == "We are full: try again."


async def test_the_bytes_that_wait_for_the_broker_are_bounded(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway() as process:
        process.app.state.door._pending_bytes = PENDING_BYTES_MAX
        answer = await process.send(tenant, text())
        assert (answer.status, answer.error["code"]) == (503, 130429)
        process.app.state.door._pending_bytes = 0
        assert (await process.send(tenant, text())).status == 200
        assert process.app.state.door._pending_bytes == 0
