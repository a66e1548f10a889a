"""Gives the Graph door the power to break the connection it is called on."""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

RST_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: close sends a reset
KEY = "sandbox.connection"
TURNS_MAX = 1000  # turns of the loop a closed transport is given to say so


class Connection:
    """The server's side of one request."""

    def __init__(self, send: Send) -> None:
        self._cycle: Any = getattr(send, "__self__", None)  # uvicorn's request-response cycle

    async def reset(self) -> None:
        """Send a TCP reset and not a byte of an answer; what is sent on this request afterwards goes nowhere."""
        transport: asyncio.Transport = self._cycle.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        transport.abort()
        for _ in range(TURNS_MAX):
            if self._cycle.disconnected:
                return
            await asyncio.sleep(0)


class Connections:
    """The outermost ASGI layer, where `send` is still the server's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[KEY] = Connection(send)
        await self._app(scope, receive, send)
