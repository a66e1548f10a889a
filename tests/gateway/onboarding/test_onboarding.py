"""Staff bring tenants in, and every service hears of it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql

from services.gateway.callbacks.management import NewEndpoint
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.signing_secrets import NewSecret
from services.gateway.onboarding.service import NewTenant
from services.gateway.twins.service import Twin
from services.kernel import crypto
from services.kernel.contracts.tenants import NumberChanged, TenantChanged
from services.kernel.db import Database
from services.kernel.kafka.record import decode
from services.kernel.tokens import TokenIssuer
from tests.gateway.stand import WABA_ID, Gateway, Keys, Tenant

NUMBER = {
    "phone_number_id": "115371839009491",
    "waba_id": WABA_ID,
    "display_phone_number": "+7 495 123-45-67",
    "access_token": "EAAtoken",
}
SHOWN_ONCE = "whsec_shown-once"
TEMPLATE = {"waba_id": WABA_ID, "name": "hello", "language": "ru", "category": "marketing"}


async def outbox_of(database: Database, tenant_id: UUID) -> list[Any]:
    async with database.transaction() as connection:
        rows = await connection.execute(sql("select key, value, event_type from outbox order by id"))
        events = [decode([("ce_type", row.event_type.encode())], row.value) for row in rows]
    return [event for event in events if event.tenant_id == tenant_id]


async def test_a_new_tenant_and_its_number_are_told_to_every_service(
    gateway: Gateway, gateway_database: Database, keys: Keys
) -> None:
    tenant = await gateway.new_tenant()
    created, number = await outbox_of(gateway_database, tenant.id)
    assert isinstance(created, TenantChanged)
    assert (created.entity, created.version, created.state) == (f"tenant:{tenant.id}", 1, "active")
    assert (created.name, created.zone, created.tenant_class) == ("Яблоневый сад", "Europe/Moscow", "standard")
    assert created.public_key == await gateway.app.state.keyring.public_key(tenant.id)
    sealed = created.service_keys["consent"]
    opened = crypto.open_box(keys.boxes["consent"][0], f"tenant:{tenant.id}:consent:index", sealed.index_key)
    assert opened == await gateway.app.state.keyring.index_key(tenant.id)

    assert isinstance(number, NumberChanged)
    assert number.entity == f"number:{tenant.phone_number_id}"
    assert (number.waba_id, number.state, number.version) == (WABA_ID, "active", 1)


async def test_the_callback_secret_is_shown_once(gateway: Gateway, tenant: Tenant) -> None:
    assert tenant.callback_secret
    answer = await gateway.ask("GET", "/v1/callback", key=tenant.api_key)
    assert answer.status == 200
    assert tenant.callback_secret not in answer.body.decode()


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no name": ("", {}),
    "an empty name": ("", {"name": ""}),
    "a NUL in the name": ("", {"name": "a\x00"}),
    "an unknown zone": ("", {"name": "a", "zone": "Mars/Olympus"}),
    "an unknown field": ("", {"name": "a", "colour": "red"}),
    "a number id of letters": ("/{id}/numbers", NUMBER | {"phone_number_id": "abc"}),
    "no phone number": ("/{id}/numbers", NUMBER | {"display_phone_number": "Иван"}),
    "a token with a space": ("/{id}/numbers", NUMBER | {"access_token": "a b"}),
    "too fast a number": ("/{id}/numbers", NUMBER | {"messages_per_second": 5000}),
    "a service template": ("/{id}/templates", TEMPLATE | {"category": "service"}),
    "a NUL in a template": ("/{id}/templates", TEMPLATE | {"components": [{"type": "BODY", "text": "\x00"}]}),
    "another count": (
        "/{id}/templates",
        TEMPLATE | {"components": [{"type": "BODY", "text": "{{1}} {{2}}"}], "body_parameters": 1},
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_a_422_that_says_why(gateway: Gateway, tenant: Tenant, name: str) -> None:
    path, body = BAD[name]
    answer = await gateway.staff("/internal/tenants" + path.format(id=tenant.id), body)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_half_a_surrogate_pair_in_a_template_is_a_422(gateway: Gateway, tenant: Tenant) -> None:
    body = b'{"waba_id":"1","name":"a","language":"ru","category":"utility","components":[{"text":"\\ud800"}]}'
    headers = {"Content-Type": "application/json"}
    path = f"/internal/tenants/{tenant.id}/templates"
    answer = await gateway.ask("POST", path, key=gateway.keys.staff_token(), data=body, headers=headers)
    assert answer.status == 422


async def test_an_unknown_tenant_is_not_found(gateway: Gateway) -> None:
    for path, body in (("numbers", NUMBER), ("templates", TEMPLATE)):
        assert (await gateway.staff(f"/internal/tenants/{uuid4()}/{path}", body)).status == 404


async def test_a_number_belongs_to_one_tenant(gateway: Gateway, tenant: Tenant, other_tenant: Tenant) -> None:
    number = NUMBER | {"phone_number_id": tenant.phone_number_id}
    for owner in (tenant, other_tenant):
        assert (await gateway.staff(f"/internal/tenants/{owner.id}/numbers", number)).status == 409


async def test_a_template_is_registered_once(gateway: Gateway, tenant: Tenant) -> None:
    path = f"/internal/tenants/{tenant.id}/templates"
    template = TEMPLATE | {"name": "once"}
    assert (await gateway.staff(path, template)).status == 201
    assert (await gateway.staff(path, template)).status == 409


async def test_only_staff_bring_tenants_in(gateway: Gateway, tenant: Tenant, keys: Keys) -> None:
    service = TokenIssuer("gateway", keys.gateway[0])
    tokens = {
        None: 401,
        tenant.api_key: 401,
        service.issue(audience="gateway", role="service", subject="gateway"): 403,
        service.issue(audience="gateway", role="tenant", subject="t", tenant_id=tenant.id): 403,
        TokenIssuer("staff", keys.staff[0]).issue(audience="billing", role="staff", subject="anna"): 401,
    }
    for token, status in tokens.items():
        for path, body in (
            ("", {"name": "a"}),
            (f"/{tenant.id}/numbers", NUMBER),
            (f"/{tenant.id}/templates", TEMPLATE),
        ):
            answer = await gateway.ask("POST", "/internal/tenants" + path, key=token, json=body)
            assert answer.status == status


def test_what_is_shown_once_stands_in_no_repr() -> None:
    some_id = uuid4()
    made: list[object] = [
        NewTenant(some_id, api_key=SHOWN_ONCE, callback_secret=SHOWN_ONCE),
        Twin(some_id, "1", "2", callback_secret=SHOWN_ONCE),
        NewSecret(SHOWN_ONCE, sealed=b"", hint="..."),
        NewEndpoint(EndpointRow._make([None] * len(EndpointRow._fields)), secret=SHOWN_ONCE),
    ]
    assert [one for one in made if SHOWN_ONCE in repr(one)] == []
