"""A tenant's test twin: made once, walled off, and kept like its parent where that matters."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import IntegrityError

from services.gateway.twins import service as twins
from services.kernel import crypto
from services.kernel.contracts.tenants import NumberChanged, TenantChanged
from services.kernel.db import Database
from services.kernel.kafka.record import decode
from tests.gateway.api_keys.stand import Keyholder, new_keyholder
from tests.gateway.stand import AnotherGateway, Gateway, template, text


@pytest.fixture
async def holder(gateway: Gateway) -> Keyholder:
    return await new_keyholder(gateway)


async def twins_of(database: Database, holder: Keyholder) -> list[Any]:
    statement = sql("select id, name, class, zone, mode from tenants where parent_tenant_id = :p")
    async with database.transaction() as connection:
        return list((await connection.execute(statement, {"p": holder.tenant.id})).all())


def door(made: dict[str, Any]) -> str:
    return f"/v23.0/{made['test_number']['phone_number_id']}/messages"


async def test_the_first_test_key_makes_the_twin_and_later_ones_find_it(
    holder: Keyholder, gateway_database: Database
) -> None:
    first, second = await holder.make(mode="test"), await holder.make(mode="test")
    assert first["key"].startswith("vk_test_")
    assert first["callback_secret"].startswith("whsec_")
    assert second["callback_secret"] is None
    number = first["test_number"]
    assert second["test_number"] == number
    assert number["phone_number_id"].startswith("9990")
    assert len(number["phone_number_id"]) == len(number["waba_id"]) == 16
    [twin] = await twins_of(gateway_database, holder)
    assert (twin.name, twin.zone) == ("Яблоневый сад (test)", "Europe/Moscow")
    shown = {one["id"]: one for one in await holder.all()}
    assert [shown[made["id"]]["test_number"] for made in (first, second)] == [number, number]
    assert first["callback_secret"] not in str(shown)


async def test_two_first_test_keys_at_once_make_one_twin(holder: Keyholder, gateway_database: Database) -> None:
    made = await asyncio.gather(*(holder.make(mode="test") for _ in range(4)))
    assert len(await twins_of(gateway_database, holder)) == 1
    assert len({str(one["test_number"]) for one in made}) == 1
    assert sorted(one["callback_secret"] is None for one in made) == [False, True, True, True]


async def test_every_service_hears_of_the_twin_and_of_its_number(
    holder: Keyholder, gateway_database: Database, gateway: Gateway
) -> None:
    made = await holder.make(mode="test")
    [twin] = await twins_of(gateway_database, holder)
    async with gateway_database.transaction() as connection:
        rows = await connection.execute(sql("select value, event_type from outbox order by id"))
        events = [decode([("ce_type", row.event_type.encode())], row.value) for row in rows]
    tenant, number = [
        one for one in events if isinstance(one, TenantChanged | NumberChanged) and one.tenant_id == twin.id
    ]
    assert isinstance(tenant, TenantChanged)
    assert (tenant.tenant_class, tenant.state, set(tenant.service_keys)) == (
        "test",
        "active",
        {"webhook", "consent", "billing"},
    )
    assert isinstance(number, NumberChanged)
    ids = made["test_number"]
    assert (number.mode, number.phone_number_id, number.waba_id) == ("test", ids["phone_number_id"], ids["waba_id"])
    known = await gateway.app.state.directory.number(ids["phone_number_id"])
    index_key = await gateway.app.state.keyring.index_key(twin.id)
    assert number.display_index == crypto.blind_index(index_key, "phone", known.display_phone_number)
    assert known.display_phone_number.startswith("+1555")
    assert known.mode == "test"
    assert index_key != await gateway.app.state.keyring.index_key(holder.tenant.id)


async def test_a_test_key_sends_from_the_twins_number_with_copies_of_the_templates(holder: Keyholder) -> None:
    made = await holder.make(mode="test")
    for body in (text(), template("Анна")):
        answer = await holder.gateway.ask("POST", door(made), key=made["key"], json=body)
        assert answer.status == 200, answer.body


async def test_live_and_test_do_not_see_each_other(holder: Keyholder) -> None:
    made = await holder.make(mode="test")
    live, nobody = holder.tenant.path, f"/v23.0/{str(uuid4().int)[:15]}/messages"
    for key, foreign in ((made["key"], live), (holder.tenant.api_key, door(made))):
        answers = [await holder.gateway.ask("POST", path, key=key, json=text()) for path in (foreign, nobody)]
        assert [answer.status for answer in answers] == [400, 400]
        assert answers[0].error == answers[1].error
    sent = await holder.gateway.send(holder.tenant, text())
    [message] = sent.json()["messages"]
    assert (await holder.use(made["key"], f"/v1/messages/{message['id']}")).status == 404


async def test_test_keys_manage_no_keys(holder: Keyholder) -> None:
    made = await holder.make(mode="test")
    assert "keys" not in made["scopes"]
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{made['id']}"), ("POST", f"/{made['id']}:rotate")):
        answer = await holder.ask(method, path, key=made["key"], json={"name": "x"})
        assert answer.status == 403
        assert "lacks the scope keys" in answer.json()["detail"]


async def test_a_live_key_rotates_and_revokes_test_keys(holder: Keyholder) -> None:
    made = await holder.make(mode="test", scopes=["callbacks"])
    new = (await holder.ask("POST", f"/{made['id']}:rotate", json={"overlap_hours": 1})).json()
    assert (new["mode"], new["test_number"], new["scopes"]) == ("test", made["test_number"], ["callbacks"])
    assert new["key"].startswith("vk_test_")
    assert (await holder.ask("DELETE", f"/{new['id']}")).status == 204
    assert (await holder.use(new["key"])).status == 401


async def _state_of_copy(database: Database, holder: Keyholder, name: str) -> tuple[str, int] | None:
    statement = sql(
        "select c.state, c.version from templates c join tenants t on t.id = c.tenant_id"
        " where t.parent_tenant_id = :p and c.name = :n"
    )
    async with database.transaction() as connection:
        row = (await connection.execute(statement, {"p": holder.tenant.id, "n": name})).one_or_none()
    return None if row is None else (row.state, row.version)


async def test_the_twin_gets_templates_that_are_approved_later_and_loses_what_is_paused(
    holder: Keyholder, gateway_database: Database
) -> None:
    await holder.make(mode="test")
    body = {"waba_id": "1", "name": "later", "language": "ru", "category": "utility", "components": []}
    path = f"/internal/tenants/{holder.tenant.id}/templates"
    assert (await holder.gateway.staff(path, body)).status == 201
    assert await _state_of_copy(gateway_database, holder, "later") == ("approved", 1)
    change = sql("update templates set state = 'paused', version = 2 where tenant_id = :t and name = 'later'")
    async with gateway_database.transaction() as connection:
        await connection.execute(change, {"t": holder.tenant.id})
        await twins.copy_templates(connection)
        assert await twins.copy_templates(connection) == 0
    assert await _state_of_copy(gateway_database, holder, "later") == ("paused", 2)


async def test_a_template_that_was_never_approved_is_not_copied(holder: Keyholder, gateway_database: Database) -> None:
    async with gateway_database.transaction() as connection:
        await connection.execute(
            sql("update templates set state = 'pending' where tenant_id = :t"), {"t": holder.tenant.id}
        )
    await holder.make(mode="test")
    assert await _state_of_copy(gateway_database, holder, "order_ready") is None


async def test_of_two_accounts_with_the_same_template_the_twin_gets_the_approved_one(
    holder: Keyholder, gateway_database: Database
) -> None:
    body = {"waba_id": "7", "name": "order_ready", "language": "ru", "category": "marketing", "components": []}
    assert (await holder.gateway.staff(f"/internal/tenants/{holder.tenant.id}/templates", body)).status == 201
    older = sql("update templates set state = 'paused' where tenant_id = :t and waba_id <> '7' returning id")
    async with gateway_database.transaction() as connection:
        assert len((await connection.execute(older, {"t": holder.tenant.id})).all()) == 1
        await connection.execute(sql("update templates set version = 5 where waba_id = '7'"))
    await holder.make(mode="test")
    assert await _state_of_copy(gateway_database, holder, "order_ready") == ("approved", 5)


async def test_a_suspended_parent_suspends_its_twin(
    holder: Keyholder, gateway_database: Database, another_gateway: AnotherGateway
) -> None:
    made = await holder.make(mode="test")
    async with gateway_database.transaction() as connection:
        await connection.execute(sql("update tenants set state = 'suspended' where id = :t"), {"t": holder.tenant.id})
    async with another_gateway() as gateway:
        answer = await gateway.ask("POST", door(made), key=made["key"], json=text())
    assert (answer.status, answer.error["code"]) == (403, 131031)


async def test_staff_cannot_make_a_tenant_that_pays_nothing(gateway: Gateway, holder: Keyholder) -> None:
    answer = await gateway.staff("/internal/tenants", {"name": "Free", "tenant_class": "test"})
    assert answer.status == 422
    number = {"phone_number_id": str(uuid4().int)[:15], "waba_id": "1", "display_phone_number": "+74951234567"}
    path = f"/internal/tenants/{holder.tenant.id}/numbers"
    answer = await gateway.staff(path, number | {"access_token": "t", "mode": "test"})
    assert answer.status == 422
    assert "mode" in answer.json()["detail"]
    assert (await gateway.staff(path, number | {"access_token": "t"})).json()["mode"] == "live"


async def test_staff_give_no_live_key_to_a_twin(holder: Keyholder, gateway_database: Database) -> None:
    await holder.make(mode="test")
    [twin] = await twins_of(gateway_database, holder)
    answer = await holder.gateway.staff(f"/internal/tenants/{twin.id}/api-keys", {})
    assert answer.status == 409
    assert "test twin" in answer.json()["detail"]


BROKEN = {
    "a second twin": "insert into tenants (id, parent_tenant_id, name, class, zone)"
    " values (:x, :parent, 'n', 'test', 'UTC')",
    "a twin without a parent": "insert into tenants (id, name, class, zone) values (:x, 'n', 'test', 'UTC')",
    "a live number of a twin": "update numbers set mode = 'live' where tenant_id = :twin",
    "a live key of a twin": "update api_keys set mode = 'live' where tenant_id = :twin",
    "a live class for a twin": "update tenants set class = 'standard' where id = :twin",
    "a test key that manages keys": "update api_keys set scopes = array['keys'] where tenant_id = :twin",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_the_database_refuses(holder: Keyholder, gateway_database: Database, name: str) -> None:
    await holder.make(mode="test")
    [twin] = await twins_of(gateway_database, holder)
    values: dict[str, UUID] = {"x": uuid4(), "parent": holder.tenant.id, "twin": twin.id}
    asked = {key: value for key, value in values.items() if f":{key}" in BROKEN[name]}
    with pytest.raises(IntegrityError):
        async with gateway_database.transaction() as connection:
            await connection.execute(sql(BROKEN[name]), asked)
