"""The answers that every process of the house has, over real HTTP and, where it matters, raw sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, NamedTuple

import aiohttp
import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.kernel.db import Database
from services.kernel.errors import Conflict, NotFound, TooManyRequests
from services.kernel.http import Transaction, create_app
from services.kernel.process import Process
from services.kernel.settings import HttpSettings, ProcessSettings
from tests.consent.stand import served
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import database_down

BYTES_MAX = 1_000
PHONE = "+79161234567"
ERRORS: dict[str, Callable[[], Exception]] = {
    "missing": lambda: NotFound("there is none; make one"),
    "conflict": lambda: Conflict("again later", retry_after_seconds=7),
    "limit": lambda: TooManyRequests("slow down", 3),
    "broker": lambda: KafkaConnectionError("broker 10.0.0.1"),
    "refused": lambda: ConnectionRefusedError(111, "10.0.0.1"),
    "timeout": TimeoutError,
    "bug": lambda: ValueError(f"cannot read {PHONE}"),
    "forbidden": lambda: TopicAuthorizationFailedError(PHONE),
}
router = APIRouter()


class Order(BaseModel):
    phone: Annotated[str, Field(max_length=5)]
    count: int


@router.post("/orders")
async def take_order(order: Order) -> dict[str, int]:
    return {"count": order.count}


@router.get("/errors/{name}")
async def fail(name: str) -> None:
    raise ERRORS[name]()


@router.post("/seen/{group}")
async def see(group: str, connection: Transaction) -> dict[str, str]:
    await connection.execute(text("insert into seen values (:g, gen_random_uuid(), now())"), {"g": group})
    if group == "broken":
        raise ValueError("after the write")
    return {"group": group}


@router.post("/locked")
async def lock(connection: Transaction) -> None:
    await connection.execute(text("set local lock_timeout = '20ms'"))
    await connection.execute(text("lock table outbox in exclusive mode"))


@router.post("/idle")
async def idle(connection: Transaction) -> None:
    """The server ends the transaction before it is committed."""
    await connection.execute(text("set local idle_in_transaction_session_timeout = '10ms'"))
    await asyncio.sleep(0.2)


async def read_raw(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


class House(NamedTuple):
    url: str
    app: FastAPI
    process: Process[ProcessSettings]
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        async with self.http.request(method, self.url + path, **options) as answer:
            raw = await answer.read()
            return answer.status, answer.headers, json.loads(raw) if raw[:1] == b"{" else raw


@asynccontextmanager
async def opened(database: Database | None = None) -> AsyncIterator[House]:
    process = Process(ProcessSettings(process_name="test-api", http=HttpSettings(port=0)))
    app = create_app("test", process, body_bytes_max=BYTES_MAX)
    app.state.database = database
    app.include_router(router)
    app.add_route("/raw", read_raw, methods=["POST"])
    async with served(app) as url, aiohttp.ClientSession() as http:
        yield House(url, app, process, http)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened() as house:
        yield house


@pytest.fixture
async def database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("billing")


def is_problem(headers: Any, body: Any, status: int) -> bool:
    is_typed = headers["Content-Type"] == "application/problem+json" and body["type"].startswith("urn:vestnik:problem:")
    return is_typed and body["status"] == status and bool(body["detail"])


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("missing", 404, None),
        ("conflict", 409, "7"),
        ("limit", 429, "3"),
        ("broker", 503, "1"),
        ("refused", 503, "1"),
        ("timeout", 503, "1"),
    ],
)
async def test_an_error_answers_with_its_own_fate(
    house: House, name: str, status: int, retry_after: str | None
) -> None:
    found, headers, body = await house.ask("GET", f"/errors/{name}")
    assert (found, headers.get("Retry-After")) == (status, retry_after)
    assert is_problem(headers, body, status)
    assert "10.0.0.1" not in json.dumps(body)


@pytest.mark.parametrize("name", ["bug", "forbidden"])
async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(house: House, name: str) -> None:
    status, headers, body = await house.ask("GET", f"/errors/{name}")
    assert is_problem(headers, body, status)
    assert (status, body["title"]) == (500, "internal_error")
    assert PHONE not in json.dumps(body)


async def test_a_database_that_is_away_is_503_and_comes_back(
    infrastructure: Infrastructure, database: Database
) -> None:
    async with opened(database) as house:
        assert (await house.ask("POST", "/seen/first"))[0] == 200
        async with database_down(infrastructure, database):
            for _ in range(3):  # the pool's old connections first, then new ones
                status, headers, body = await house.ask("POST", "/seen/second")
                assert (status, headers["Retry-After"]) == (503, "1")
                assert is_problem(headers, body, 503)
        assert (await house.ask("POST", "/seen/third"))[0] == 200


async def test_a_lock_that_is_not_free_in_time_is_503(database: Database) -> None:
    async with opened(database) as house, database.transaction() as connection:
        await connection.execute(
            text(
                "insert into outbox (topic, key, value, event_type, event_id) "
                "values ('t', '', '', 'x', gen_random_uuid())"
            )
        )
        status, headers, body = await house.ask("POST", "/locked")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert is_problem(headers, body, 503)


async def test_a_commit_that_fails_is_no_success(database: Database) -> None:
    async with opened(database) as house:
        status, headers, body = await house.ask("POST", "/idle")
    assert is_problem(headers, body, 503)
    assert status == 503


async def test_a_request_is_one_transaction_that_is_committed_or_undone(database: Database) -> None:
    async with opened(database) as house:
        assert (await house.ask("POST", "/seen/kept"))[0] == 200
        assert (await house.ask("POST", "/seen/broken"))[0] == 500
    async with database.transaction() as connection:
        groups = (await connection.execute(text("select group_name from seen"))).scalars().all()
    assert groups == ["kept"]


async def test_bad_values_are_422_without_an_echo(house: House) -> None:
    status, headers, body = await house.ask("POST", "/orders", json={"phone": PHONE, "count": f"many {PHONE}"})
    assert is_problem(headers, body, status)
    assert (status, [one["field"] for one in body["errors"]]) == (422, ["phone", "count"])
    assert PHONE not in json.dumps(body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"phone": "\xff"}', b"[]", b"null", b"{" * 900])
async def test_a_body_that_is_no_json_object_is_a_client_error_in_the_same_form(house: House, body: bytes) -> None:
    status, headers, answer = await house.ask(
        "POST", "/orders", data=body, headers={"Content-Type": "application/json"}
    )
    assert status in (400, 422)
    assert is_problem(headers, answer, status)
    assert answer["title"] != "no_such_route"


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(house: House) -> None:
    status, headers, body = await house.ask("GET", "/nowhere")
    assert (status, body["title"], is_problem(headers, body, 404)) == (404, "no_such_route", True)
    status, headers, body = await house.ask("GET", "/orders")
    assert (status, body["title"], headers["Allow"]) == (405, "method_not_allowed", "POST")


async def pieces(count: int, size: int = 100) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/raw", "/orders"])
async def test_a_body_over_the_limit_is_413_with_and_without_a_length(house: House, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"x" * (BYTES_MAX + 1), pieces(50)):
        status, answered, answer = await house.ask("POST", path, data=body, headers=headers)
        assert (status, answer["title"]) == (413, "too_large")
        assert is_problem(answered, answer, 413)


async def test_a_body_at_the_limit_is_read_with_and_without_a_length(house: House) -> None:
    for body in (b"x" * BYTES_MAX, pieces(10)):
        status, _, answer = await house.ask("POST", "/raw", data=body)
        assert (status, answer) == (200, {"bytes": BYTES_MAX})


async def exchange(house: House, request: bytes) -> bytes:
    """Everything the server says until it closes."""
    host, port = house.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(10):
        said = await reader.read(-1)
    writer.close()
    return said


async def test_a_length_that_lies_never_brings_more_than_it_says_or_more_than_the_limit(house: House) -> None:
    head = "POST /raw HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
    short = await exchange(house, head.format(10).encode() + b"x" * 5_000)
    assert b'{"bytes":10}' in short
    huge = await exchange(house, head.format(10**12).encode() + b"x" * 10)
    assert huge.startswith(b"HTTP/1.1 413")
    for nonsense in ("-5", "1e3", "ten", ""):
        assert (await exchange(house, head.format(nonsense).encode() + b"x" * 10)).split(b"\r\n")[0].split()[1][
            :1
        ] == b"4"


async def test_a_process_says_what_it_lacks(house: House) -> None:
    async def fine() -> str | None:
        return None

    async def poor() -> str | None:
        return "the topic is not read to its end"

    async def broken() -> str | None:
        raise ConnectionRefusedError("10.0.0.1")

    assert (await house.ask("GET", "/readyz"))[::2] == (200, {"ready": True, "not_ready": {}})
    house.process.check("fine", fine)
    house.process.check("tenants", poor)
    house.process.check("broker", broken)
    status, _, body = await house.ask("GET", "/readyz")
    assert (status, body["ready"]) == (503, False)
    assert body["not_ready"] == {
        "tenants": "the topic is not read to its end",
        "broker": "no answer (ConnectionRefusedError)",
    }
    assert (await house.ask("GET", "/healthz"))[::2] == (200, b"alive")


async def test_a_check_that_hangs_is_a_reason_and_not_a_hanging_answer(house: House) -> None:
    async def hang() -> str | None:
        await asyncio.sleep(60)
        return None

    house.process.check("database", hang)
    status, _, body = await house.ask("GET", "/readyz")
    assert (status, body["not_ready"]) == (503, {"database": "no answer (TimeoutError)"})


async def test_a_database_that_was_dropped_makes_a_process_not_ready_and_not_broken(house: House) -> None:
    async def check() -> str | None:
        raise asyncpg.InvalidCatalogNameError("database does not exist")

    house.process.check("database", check)
    status, _, body = await house.ask("GET", "/readyz")
    assert (status, body["not_ready"]) == (503, {"database": "no answer (InvalidCatalogNameError)"})


async def test_requests_are_counted_by_route_and_not_by_path(house: House) -> None:
    await house.ask("GET", "/errors/missing")
    await house.ask("POST", "/raw", data=b"x")
    await house.ask("GET", f"/nowhere/{PHONE}")
    _, _, shown = await house.ask("GET", "/metrics")
    for line in (
        b'route="/errors/{name}",status="404"',
        b'route="/raw",status="200"',
        b'route="unrouted",status="404"',
    ):
        assert line in shown.replace(b'method="GET",', b"").replace(b'method="POST",', b"")
    assert PHONE.encode() not in shown
