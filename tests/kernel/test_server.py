"""The server bounds what a connection may send and how slowly, and says so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from services.kernel.server import GuardedHttp

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


class Impatient(GuardedHttp):
    header_bytes_max = 2_000
    headers_seconds_max = 0.2
    silent_seconds_max = 0.2
    inspect_seconds = 0.1
    linger_seconds = 0.3
    body_bytes_a_second_min = 100


async def app(scope: Any, receive: Any, send: Any) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    config = uvicorn.Config(app, port=0, http=Impatient, lifespan="off", log_config=None, log_level="critical")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    await serving


async def said(address: tuple[str, int], *pieces: bytes, pause_seconds: float = 0.0) -> bytes:
    """Everything the server answers to these pieces, until it closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause_seconds)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_an_ordinary_request_is_answered(address: tuple[str, int]) -> None:
    answer = await said(address, HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_flood_of_headers_in_one_piece_is_refused(address: tuple[str, int]) -> None:
    flood = b"".join(b"X-Header-%d: 1\r\n" % number for number in range(500))
    answer = await said(address, HEAD + flood + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"send at most 2000 bytes of headers" in answer


async def test_a_flood_of_headers_in_pieces_is_refused_before_its_end(address: tuple[str, int]) -> None:
    pieces = [b"X-Header: " + b"1" * 90 + b"\r\n"] * 50
    assert (await said(address, HEAD, *pieces)).startswith(b"HTTP/1.1 431")


async def test_one_endless_header_is_refused_before_its_end(address: tuple[str, int]) -> None:
    assert (await said(address, HEAD, b"X-Header: ", *[b"1" * 1_000] * 10)).startswith(b"HTTP/1.1 431")


async def test_an_endless_trailer_is_refused_before_its_end(address: tuple[str, int]) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: "
    assert (await said(address, head, *[b"1" * 1_000] * 10)).startswith(b"HTTP/1.1 431")


async def test_a_body_in_tiny_chunks_is_read_to_its_end(address: tuple[str, int]) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    pieces = [b"1\r\na\r\n" * 300] * 10
    assert (await said(address, head, *pieces, b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_an_endless_path_is_refused(address: tuple[str, int]) -> None:
    assert (await said(address, b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 431")


async def test_headers_that_drip_are_refused(address: tuple[str, int]) -> None:
    assert (await said(address, HEAD, b"X-A: 1\r\n")).startswith(b"HTTP/1.1 408")


async def test_a_body_that_drips_is_refused(address: tuple[str, int]) -> None:
    answer = await said(address, HEAD + b"Content-Length: 1000\r\n\r\n", b"a", b"a", pause_seconds=0.05)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body" in answer


async def test_a_slow_but_steady_body_is_read_to_its_end(address: tuple[str, int]) -> None:
    pieces = [b"a" * 100] * 10
    head = HEAD + b"Content-Length: 1000\r\nConnection: close\r\n\r\n"
    assert (await said(address, head, *pieces, pause_seconds=0.05)).startswith(b"HTTP/1.1 200")


async def test_a_silent_connection_is_closed(address: tuple[str, int]) -> None:
    assert await said(address) == b""


async def test_what_is_no_http_is_refused_in_words(address: tuple[str, int]) -> None:
    answer = await said(address, b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"no HTTP/1.1 request" in answer


async def test_a_second_request_on_the_connection_is_bounded_too(address: tuple[str, int]) -> None:
    first = HEAD + b"Content-Length: 0\r\n\r\n"
    answer = await said(address, first, HEAD, b"X-A: 1\r\n", pause_seconds=0.05)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer
