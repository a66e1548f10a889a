"""How many parameters a template takes, and when it may be sent."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text as sql

from services.gateway.templates.service import Catalogue, TemplateKey, count_parameters
from services.kernel.db import Database
from tests.gateway.stand import WABA_ID, Gateway, Tenant

COUNTS: list[tuple[list[dict[str, Any]], int]] = [
    ([], 0),
    ([{"type": "BODY", "text": "Готово"}], 0),
    ([{"type": "BODY", "text": "Заказ {{1}} готов, {{2}}"}], 2),
    ([{"type": "body", "text": "{{1}} и ещё раз {{1}}"}], 1),
    ([{"type": "BODY", "text": "{{ first_name }}, {{order}}"}], 2),
    ([{"type": "HEADER", "format": "TEXT", "text": "{{1}}"}, {"type": "BODY", "text": "x"}], 0),
    ([{"type": "BODY"}], 0),
    ([{"text": 7, "type": 7}], 0),
]


@pytest.mark.parametrize(("components", "count"), COUNTS)
def test_the_placeholders_of_the_body_are_its_parameters(components: list[dict[str, Any]], count: int) -> None:
    assert count_parameters(components) == count


async def test_only_an_approved_template_is_found(gateway: Gateway, gateway_database: Database) -> None:
    tenant = await gateway.new_tenant()
    key = TemplateKey(tenant.id, WABA_ID, "order_ready", "ru")
    found = await Catalogue(gateway_database).approved(key)
    assert found is not None
    assert (found.category, found.version, found.body_parameters) == ("utility", 1, 1)
    for state in ("pending", "rejected", "paused", "disabled"):
        async with gateway_database.transaction() as connection:
            statement = sql("update templates set state = :state where tenant_id = :t")
            await connection.execute(statement, {"t": tenant.id, "state": state})
        assert await Catalogue(gateway_database).approved(key) is None


async def test_a_template_belongs_to_one_tenant_waba_and_language(gateway_database: Database, tenant: Tenant) -> None:
    key = TemplateKey(tenant.id, WABA_ID, "order_ready", "ru")
    catalogue = Catalogue(gateway_database)
    assert await catalogue.approved(key) is not None
    for change in ({"tenant_id": uuid4()}, {"waba_id": "1"}, {"name": "order"}, {"language": "en_US"}):
        assert await catalogue.approved(key._replace(**change)) is None


async def test_a_template_may_be_registered_by_its_count_alone(gateway: Gateway, tenant: Tenant) -> None:
    template = {"waba_id": WABA_ID, "name": "counted", "language": "ru", "category": "AUTHENTICATION"}
    path = f"/internal/tenants/{tenant.id}/templates"
    assert (await gateway.staff(path, template | {"body_parameters": 2})).status == 201
    found = await gateway.app.state.door._catalogue.approved(TemplateKey(tenant.id, WABA_ID, "counted", "ru"))
    assert (found.category, found.body_parameters) == ("authentication", 2)
