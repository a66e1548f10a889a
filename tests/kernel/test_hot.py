"""Hot routes answer before everything else, and keep every bound and every form of answer that the others have."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.datastructures import State
from starlette.types import Receive, Scope

from services.kernel import metrics
from services.kernel.errors import NotFound, TooManyRequests
from services.kernel.hot import Answer, HotApp, HotRoute, check_length, first_values, one_value, read_body
from services.kernel.http import create_app
from services.kernel.process import Process
from services.kernel.server import GuardedHttp
from services.kernel.settings import HttpSettings, ProcessSettings

BYTES_MAX = 1_000
LONG_BYTES_MAX = 1_000_000
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


async def measure(state: State, scope: Scope, receive: Receive) -> Answer:
    """How long a long body is, and its last bytes."""
    body = await read_body(receive, LONG_BYTES_MAX)
    return Answer(200, [(b"content-length", b"9")], b"%06d%b" % (len(body), body[-3:]))


async def linger(state: State, scope: Scope, receive: Receive) -> Answer:
    """Answers after a while."""
    await read_body(receive, BYTES_MAX)
    state.begun.set()
    state.under_way += 1
    await asyncio.sleep(0.3)
    state.done += 1
    return Answer(200, [(b"content-length", b"4")], b"done")


class Impatient(GuardedHttp):
    inspect_seconds = 0.1
    linger_seconds = 0.1
    body_bytes_a_second_min = 100


def application() -> HotApp:
    http = HttpSettings(port=0, trusted_proxies=PROXIES)
    app = create_app("test", Process(ProcessSettings(process_name="test-api", http=http)))
    app.state.word, app.state.begun = "hello", asyncio.Event()
    app.state.under_way = app.state.done = 0
    app.add_hot_route(HotRoute("/echo/{name}", lambda path: path.startswith("/echo/"), echo))
    app.add_hot_route(HotRoute("/measure", "/measure".__eq__, measure))
    app.add_hot_route(HotRoute("/linger", "/linger".__eq__, linger))
    return app


@asynccontextmanager
async def served(app: HotApp, http: type[GuardedHttp] = GuardedHttp) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, port=0, http=http, lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with served(application()) as url:
        yield url


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


async def test_hot_and_other_requests_in_one_packet_are_answered_in_order(url: str) -> None:
    hot = b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"
    other = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await said(url, hot + other + hot + other + last)
    words = [b'{"bytes": 1', b"alive", b'{"bytes": 1', b"alive", b'"ready"']
    assert re.findall(b'{"bytes": 1|alive|"ready"', answer) == words
    assert answer.count(b"HTTP/1.1 200 OK") == 5


async def test_a_body_longer_than_what_is_kept_for_nobody_is_read_whole(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        for length in (65_535, 65_537, 300_000):
            async with http.post(f"{url}/measure", data=b"x" * (length - 3) + b"end") as answer:
                assert await answer.read() == b"%06dend" % length
        async with http.post(f"{url}/measure", data=b"x" * (LONG_BYTES_MAX + 1)) as answer:
            assert answer.status == 413
        async with http.post(f"{url}/measure", data=pieces(2_000)) as answer:
            assert await answer.read() == b"200000xxx"


@pytest.mark.parametrize("path", ["/measure?a=b", "/m%65asure", "/measure#x"])
async def test_a_path_with_more_to_it_gets_the_same_answer(url: str, path: str) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc" % path.encode()
    assert (await said(url, head)).endswith(b"000003abc")


async def test_what_was_sent_whole_is_done_though_nobody_waits_for_the_answer() -> None:
    app = application()
    async with served(app) as url:
        host, port = url.removeprefix("http://").split(":")
        head = b"POST /linger HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"
        assert (await said(url, head.replace(b"Host", b"Connection: close\r\nHost"))).endswith(b"done")
        for _ in range(3):  # the later ones are held for a moment, and their connections are gone by then
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(head)
            await writer.drain()
            writer.close()
        async with asyncio.timeout(10):
            while app.state.under_way < 4:  # noqa: ASYNC110  # a counter has no event
                await asyncio.sleep(0.01)
    assert app.state.done == 4, "a stopping server waits for what it has begun"


async def test_a_stopping_server_answers_what_is_under_way_and_closes() -> None:
    app = application()
    async with served(app) as url:
        asking = asyncio.create_task(said(url, b"POST /linger HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"))
        await app.state.begun.wait()
    answer = await asking
    assert answer.endswith(b"done")
    assert b"connection: close" in answer


async def test_a_connection_on_which_nothing_more_is_asked_is_closed() -> None:
    async with served(application(), Impatient) as url:
        began = asyncio.get_running_loop().time()
        assert b"alive" in await said(url, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await said(url, b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na")
        assert b'{"bytes": 1' in answer
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_trailer_is_no_header(url: str) -> None:
    head = b"POST /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await said(url, head + b"1\r\na\r\n0\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n")
    assert b'"client": "127.0.0.1"' in answer


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01 hello\r\n\r\n", b"POST /linger HTTP/1.1\r\nContent-Length: 9\r\n\r\na"]
)
async def test_who_sends_half_of_something_and_goes_leaves_nothing_behind(garbage: bytes) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    async with served(application()) as url:
        host, port = url.removeprefix("http://").split(":")
        asking = asyncio.create_task(post(url, b"abc"))
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(garbage)
            writer.close()
        assert (await asking)[0] == 200
        stopping = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopping < 2, "a connection that is gone is not waited for"
    assert errors == []


async def test_a_body_that_drips_is_refused_before_a_hot_route_is_asked() -> None:
    async with served(application(), Impatient) as url:
        answer = await said(url, b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", b"a", b"a")
    assert answer.startswith(b"HTTP/1.1 408")


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
    assert "79161234567" not in shown


def test_a_header_that_is_given_twice_is_one_that_no_rule_allows() -> None:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    firsts = first_values(headers)
    assert one_value(headers, firsts, b"a") == "1\n3"
    assert (one_value(headers, firsts, b"b"), one_value(headers, firsts, b"c")) == ("2", None)
    assert firsts[b"a"] == b"1"
