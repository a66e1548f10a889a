"""What an exchange owes its connection: one answer, whatever becomes of the handler, and nothing after the last one."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.datastructures import State
from starlette.types import Receive, Scope

from services.kernel.hot import CLOSE, Answer, HotApp, HotRoute, read_body
from services.kernel.server import GuardedHttp
from tests.kernel.test_hot import BYTES_MAX, application, said, served

REQUEST = b"POST /test HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
A_MOMENT = 0.002  # less than a bunch waits for company


def app_with(handle: Callable[[State, Scope, Receive], Awaitable[Answer]]) -> HotApp:
    app = application()
    app.add_hot_route(HotRoute("/test", "/test".__eq__, handle))
    return app


async def test_who_asks_is_answered_though_what_the_handler_waits_for_was_cancelled() -> None:
    async def handle(state: State, scope: Scope, receive: Receive) -> Answer:
        given_up: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        given_up.cancel()
        return await given_up

    async with served(app_with(handle)) as url:
        answer = await said(url, REQUEST + b"a")
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"connection: close" in answer


async def test_what_comes_after_the_last_answer_is_not_done() -> None:
    """Who reads that the connection closes may send on another one what was not answered."""
    asked: list[bytes] = []
    later = asyncio.Event()

    async def handle(state: State, scope: Scope, receive: Receive) -> Answer:
        asked.append(await read_body(receive, BYTES_MAX))
        await later.wait()
        return Answer(413, [(b"content-length", b"0"), CLOSE], b"")

    async with served(app_with(handle)) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST + b"a")
        while not asked:  # noqa: ASYNC110  # the handler's own list
            await asyncio.sleep(0)
        writer.write(REQUEST + b"b")
        await asyncio.sleep(A_MOMENT)
        later.set()
        assert (await reader.read(-1)).count(b"HTTP/1.1") == 1
        await asyncio.sleep(0.05)
        writer.close()
    assert asked == [b"a"]


async def test_a_request_that_is_held_for_company_keeps_its_connection_from_being_idle() -> None:
    asked: list[bytes] = []

    async def handle(state: State, scope: Scope, receive: Receive) -> Answer:
        asked.append(await read_body(receive, BYTES_MAX))
        await asyncio.sleep(0.02)
        return Answer(200, [(b"content-length", b"0")], b"")

    class Holding(GuardedHttp):
        """Its time to be idle is over as soon as its second request is held."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and self._waits_for == "request":
                self._since -= 60.0
                self._inspect()

    async with served(app_with(handle), Holding) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(2):
            writer.write(REQUEST + b"a")
            async with asyncio.timeout(5):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
    assert len(asked) == 2
