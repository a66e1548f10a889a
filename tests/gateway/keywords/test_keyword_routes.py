"""`/v1/keywords`, over HTTP."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.gateway.stand import Gateway, Tenant

NONE = {"stop": [], "start": [], "confirmations": {"stopped": None, "started": None}}
SOME = {
    "stop": ["Хватит писать"],
    "start": ["Пишите снова"],
    "confirmations": {"stopped": "Вы отписаны.", "started": None},
}


async def test_a_new_tenant_has_no_words_of_its_own(gateway: Gateway) -> None:
    tenant = await gateway.new_tenant()
    answer = await gateway.ask("GET", "/v1/keywords", key=tenant.api_key)
    assert (answer.status, answer.json()) == (200, NONE)


async def test_words_that_were_put_are_read_back_and_told_to_every_service(gateway: Gateway) -> None:
    tenant = await gateway.new_tenant()
    put = await gateway.ask("PUT", "/v1/keywords", key=tenant.api_key, json=SOME)
    got = await gateway.ask("GET", "/v1/keywords", key=tenant.api_key)
    assert (put.status, put.json()) == (200, SOME)
    assert got.json() == SOME
    assert await _version(gateway, tenant) == 2


async def _version(gateway: Gateway, tenant: Tenant) -> int:
    async with gateway.app.state.database.transaction() as connection:
        return int(await connection.scalar(text("select version from tenants where id = :id"), {"id": tenant.id}))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"stop": ["!!!"]}, "stop[0]"),
        ({"stop": ["хватит"], "start": ["Хватит"]}, "stands under stop as well"),
        ({"stop": ["Всё!"], "start": ["все"]}, "stands under stop as well"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["хва\x00тит"]}, "stop.0"),
        ({"confirmations": {"started": "да\x00"}}, "started"),
        ({"stop": ["а" * 201]}, "stop"),
        ({"stop": ["слово"] * 51}, "stop"),
        ({"pause": ["слово"]}, "pause"),
        ({"confirmations": {"stopped": ""}}, "stopped"),
    ],
)
async def test_what_could_never_work_is_refused_whole(gateway: Gateway, body: Any, words: str) -> None:
    tenant = await gateway.new_tenant()
    await gateway.ask("PUT", "/v1/keywords", key=tenant.api_key, json=SOME)
    answer = await gateway.ask("PUT", "/v1/keywords", key=tenant.api_key, json=body)
    assert answer.status == 422
    assert words in answer.json()["detail"]
    assert (await gateway.ask("GET", "/v1/keywords", key=tenant.api_key)).json() == SOME
