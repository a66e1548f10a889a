"""Breaking the connection that the Graph door is called on."""

import asyncio
import socket
import struct

from starlette.types import Receive, Scope

from services.kernel.hot import TRANSPORT, ClientGone

RST_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: close sends a reset


async def reset(scope: Scope, receive: Receive) -> None:
    """Send a TCP reset and not a byte of an answer; raises ClientGone, since nobody is there any more."""
    transport: asyncio.Transport = scope[TRANSPORT]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    transport.abort()
    await receive()  # until the server has noticed
    raise ClientGone
