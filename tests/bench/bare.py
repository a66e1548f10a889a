"""The barest application that uvicorn can serve, in a process of its own: what HTTP costs before anything is done."""

import socket
from multiprocessing.connection import Connection as Pipe

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.bench import children

BACKLOG = 512


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, answer 200."""
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def body(pipe: Pipe) -> None:
    """The process: sends its port, serves until its parent lets go."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(BACKLOG)
    pipe.send(listening.getsockname()[1])
    children.listen(pipe, lambda _word: None)
    config = uvicorn.Config(
        application, loop="uvloop", http="httptools", access_log=False, log_config=None, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listening])
