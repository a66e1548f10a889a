"""The sandbox hears of every test number, as soon as it can."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text as sql

from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.gateway.twins.upkeep import Upkeep
from services.kernel import crypto
from services.kernel.db import Database
from tests.gateway.api_keys.stand import Keyholder, new_keyholder
from tests.gateway.stand import Gateway


class Sandbox:
    """The other end of the wire: remembers what it was told."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.tokens: set[str] = set()
        self.status = 200
        self.status_of_templates = 200
        self.asked = 0
        self.url = ""

    async def put(self, request: web.Request) -> web.Response:
        self.asked += 1
        if request.match_info["kind"] == "templates" and self.status_of_templates != 200:
            return web.Response(status=self.status_of_templates)
        if self.status == 200:
            self.known[request.match_info["id"]] = await request.json()
            self.tokens.add(request.headers.get("Authorization", ""))
        return web.Response(status=self.status)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox()
    app = web.Application()
    app.router.add_put("/_sandbox/{kind:numbers|templates}/{id}", sandbox.put)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sandbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield sandbox
    await runner.cleanup()


@pytest.fixture
async def upkeep(gateway_database: Database, kek_file: Path, sandbox: Sandbox) -> AsyncIterator[Upkeep]:
    directory = Directory(gateway_database, Keyring(gateway_database, crypto.FileKek(kek_file)))
    upkeep = Upkeep(gateway_database, directory, sandbox_url=sandbox.url, control_token="secret")
    yield upkeep
    await upkeep.close()


@pytest.fixture
async def made(gateway: Gateway, gateway_database: Database) -> dict[str, str]:
    """A test number that is the only one nobody told of."""
    async with gateway_database.transaction() as connection:
        await connection.execute(sql("update numbers set registered_at = now()"))
    holder: Keyholder = await new_keyholder(gateway)
    number: dict[str, str] = (await holder.make(mode="test"))["test_number"]
    return number


async def test_a_new_test_number_is_told_once_with_its_templates(
    made: dict[str, str], upkeep: Upkeep, sandbox: Sandbox
) -> None:
    await upkeep.register()
    known = sandbox.known.pop(made["phone_number_id"])
    assert known["waba_id"] == made["waba_id"]
    assert known["display_phone_number"].startswith("+1555")
    assert sandbox.known.pop("order_ready") == {
        "category": "utility",
        "language": "ru",
        "waba_id": made["waba_id"],
        "status": "APPROVED",
        "components": [{"type": "BODY", "text": "Заказ {{1}} готов"}],
        "parameter_format": "POSITIONAL",
    }
    await upkeep.register()
    assert sandbox.known == {}
    assert sandbox.tokens == {"Bearer secret"}


async def test_a_template_that_changes_is_told_again(
    made: dict[str, str], upkeep: Upkeep, sandbox: Sandbox, gateway_database: Database
) -> None:
    await upkeep.register()
    sandbox.known.clear()
    change = sql(
        "update templates set state = 'paused' where name = 'order_ready' and tenant_id ="
        " (select t.parent_tenant_id from numbers n join tenants t on t.id = n.tenant_id where n.waba_id = :w)"
    )
    async with gateway_database.transaction() as connection:
        await connection.execute(change, {"w": made["waba_id"]})
    await upkeep.copy()
    await upkeep.register()
    assert sandbox.known["order_ready"]["status"] == "PAUSED"


async def test_what_the_sandbox_did_not_take_is_told_again(
    made: dict[str, str], upkeep: Upkeep, sandbox: Sandbox
) -> None:
    for sandbox.status in (503, 302, 422):
        await upkeep.register()
    assert sandbox.known == {}
    sandbox.status = 200
    await upkeep.register()
    assert made["phone_number_id"] in sandbox.known


async def test_a_template_that_the_sandbox_refuses_is_not_told_over_and_over(
    made: dict[str, str], upkeep: Upkeep, sandbox: Sandbox
) -> None:
    sandbox.status_of_templates = 503
    await upkeep.register()
    sandbox.status_of_templates = 422
    await upkeep.register()
    asked = sandbox.asked
    await upkeep.register()
    assert sandbox.asked == asked == 4
    assert list(sandbox.known) == [made["phone_number_id"]]


async def test_a_sandbox_that_is_away_is_waited_for(
    made: dict[str, str], upkeep: Upkeep, gateway_database: Database
) -> None:
    upkeep._url = "http://127.0.0.1:1"
    await upkeep.register()
    async with gateway_database.transaction() as connection:
        statement = sql("select registered_at from numbers where phone_number_id = :n")
        assert (await connection.scalars(statement, {"n": made["phone_number_id"]})).one() is None
