"""Hot routes answer before everything else, and keep every bound and every form of answer that the others have."""

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.datastructures import State
from starlette.types import Receive, Scope

from services.kernel import metrics
from services.kernel.errors import NotFound, TooManyRequests
from services.kernel.hot import Answer, HotRoute, check_length, first_values, one_value, read_body
from services.kernel.http import create_app
from services.kernel.process import Process
from services.kernel.server import GuardedHttp
from services.kernel.settings import HttpSettings, ProcessSettings

BYTES_MAX = 1_000
PROXIES = (ip_network("127.0.0.0/8"),)


async def echo(state: State, scope: Scope, receive: Receive) -> Answer:
    """What came, and from whom."""
    check_length(first_values(scope["headers"]), BYTES_MAX)
    body = await read_body(receive, BYTES_MAX)
    if body == b"missing":
        raise NotFound("there is none; make one")
    if body == b"limit":
        raise TooManyRequests("slow down", 3)
    if body == b"bug":
        raise ValueError("cannot read +79161234567")
    told = json.dumps({"bytes": len(body), "client": scope["client"][0], "word": state.word}).encode()
    return Answer(200, [(b"content-length", b"%d" % len(told)), (b"x-word", b"hot")], told)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    http = HttpSettings(port=0, trusted_proxies=PROXIES)
    app = create_app("test", Process(ProcessSettings(process_name="test-api", http=http)))
    app.state.word = "hello"
    app.add_hot_route(HotRoute("/echo/{name}", lambda path: path.startswith("/echo/"), echo))
    config = uvicorn.Config(app, port=0, http=GuardedHttp, lifespan="off", log_config=None, proxy_headers=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    await serving


async def post(url: str, data: Any, **headers: str) -> tuple[int, Any, Any]:
    async with aiohttp.ClientSession() as http, http.post(f"{url}/echo/x", data=data, headers=headers) as answer:
        return answer.status, answer.headers, json.loads(await answer.read())


async def said(url: str, *pieces: bytes) -> bytes:
    """Everything the server says to these bytes until it closes."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    writer.close()
    return answer


async def test_a_hot_route_gets_the_state_and_gives_its_answer_as_it_is(url: str) -> None:
    status, headers, body = await post(url, b"abc")
    assert (status, headers["X-Word"]) == (200, "hot")
    assert body == {"bytes": 3, "client": "127.0.0.1", "word": "hello"}


async def test_the_caller_behind_a_trusted_proxy_is_known(url: str) -> None:
    assert (await post(url, b"", **{"X-Forwarded-For": "198.51.100.7"}))[2]["client"] == "198.51.100.7"


@pytest.mark.parametrize(("body", "status", "retry_after"), [(b"missing", 404, None), (b"limit", 429, "3")])
async def test_an_error_answers_with_its_own_fate(url: str, body: bytes, status: int, retry_after: str | None) -> None:
    found, headers, answer = await post(url, body)
    assert (found, headers.get("Retry-After")) == (status, retry_after)
    assert headers["Content-Type"] == "application/problem+json"
    assert answer["detail"]


async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(url: str) -> None:
    status, _, answer = await post(url, b"bug")
    assert (status, answer["title"]) == (500, "internal_error")
    assert "7916" not in json.dumps(answer)


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 100
        await asyncio.sleep(0)


async def test_a_body_over_the_limit_is_413_with_and_without_a_length(url: str) -> None:
    for body in (b"x" * (BYTES_MAX + 1), pieces(50)):
        status, headers, answer = await post(url, body)
        assert (status, answer["title"], headers["Connection"]) == (413, "too_large", "close")


async def test_a_body_at_the_limit_is_read_with_and_without_a_length(url: str) -> None:
    for body in (b"x" * BYTES_MAX, pieces(10)):
        assert (await post(url, body))[2]["bytes"] == BYTES_MAX


async def test_requests_in_one_packet_are_answered_in_order_on_one_connection(url: str) -> None:
    one = b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
    last = b"POST /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nccc"
    answer = await said(url, one % (1, b"a") + one % (2, b"bb") + last)
    found = [answer.index(b'{"bytes": %d' % length) for length in (1, 2, 3)]
    assert found == sorted(found)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"connection: close") == 1


async def test_a_client_of_http_1_0_is_answered_and_let_go(url: str) -> None:
    answer = await said(url, b"POST /echo/x HTTP/1.0\r\nContent-Length: 2\r\n\r\naa")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'{"bytes": 2' in answer


async def test_a_client_that_asks_first_is_told_to_go_on(url: str) -> None:
    head = b"POST /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    answer = await said(url, head, b"aa")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_a_client_that_goes_away_in_the_middle_is_counted_and_hurts_nobody(url: str) -> None:
    def gone() -> float:
        return float(metrics.HTTP_REQUESTS.labels("/echo/{name}", "POST", "499")._value.get())

    before, (host, port) = gone(), url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    async with asyncio.timeout(10):
        while gone() == before:  # noqa: ASYNC110  # a counter has no event
            await asyncio.sleep(0.02)
    assert (await post(url, b"abc"))[0] == 200


async def test_other_methods_get_what_every_route_says_to_them(url: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/echo/x") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert (await answer.json(content_type=None))["title"] == "method_not_allowed"


async def test_requests_are_counted_by_route_and_not_by_path(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        await http.post(f"{url}/echo/+79161234567", data=b"missing")
        async with http.get(f"{url}/metrics") as answer:
            shown = await answer.text()
    assert 'http_requests_total{method="POST",route="/echo/{name}",status="404"}' in shown
    assert "7916" not in shown


def test_a_header_that_is_given_twice_is_one_that_no_rule_allows() -> None:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    firsts = first_values(headers)
    assert one_value(headers, firsts, b"a") == "1\n3"
    assert (one_value(headers, firsts, b"b"), one_value(headers, firsts, b"c")) == ("2", None)
    assert firsts[b"a"] == b"1"
