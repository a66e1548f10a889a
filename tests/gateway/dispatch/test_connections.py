"""The moment before a request is written is the moment before its first byte leaves, however busy the event loop is."""

import asyncio
import socket
import threading
import time

import uvloop

from services.gateway.dispatch.connections import Pool, address_of

BUSY_SECONDS = 0.5


class Server:
    """Takes one connection in a thread of its own and notes when it is spoken to."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard_at = 0.0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with self._socket, connection:
            connection.recv(1_000)
            self.heard_at = time.monotonic()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")

    def end(self) -> None:
        self._thread.join()


async def ask_and_be_busy(port: int) -> float:
    """When the request was written, in a turn of the loop that goes on for long after it."""
    pool = Pool(address_of(f"http://127.0.0.1:{port}"), connections_max=1)
    connection = await pool.take()
    asking = asyncio.create_task(connection.ask(b"POST / HTTP/1.1\r\n\r\n", timeout_seconds=5))
    asyncio.get_running_loop().call_soon(time.sleep, BUSY_SECONDS)
    written_at = time.monotonic()
    assert await asking == b"OK"
    pool.give_back(connection)
    pool.close()
    return written_at


def test_a_request_leaves_when_it_is_written_and_not_at_the_end_of_the_loops_turn() -> None:
    server = Server()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        written_at = runner.run(ask_and_be_busy(server.port))
    server.end()
    assert server.heard_at - written_at < BUSY_SECONDS / 2
