"""One TCP connection that passes through a link: a client's end, a server's end, and the rule between them."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

# What a side says last, however it closes; it travels among the bytes, in their order.
FAREWELL = b""
_WITHOUT_LINGERING = struct.pack("ii", 1, 0)


class Rule(Protocol):
    """What becomes of the bytes and the ends of a connection."""

    def begin(self, connection: "Connection") -> None: ...
    def carry(self, end: "End", data: bytes) -> None: ...
    def lost(self, end: "End", *, was_reset: bool) -> None: ...


class End(asyncio.Protocol):
    """The connection of one side with us."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.other: End
        self.is_lost = False
        self._was_told_farewell = False
        self._hushes = 0
        self._unheard: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None

    # --- what we do to this side ----------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        """Pass on to this side what the other one said."""
        if self._transport is None or self._transport.is_closing():
            return
        if data != FAREWELL:
            self._transport.write(data)
            return
        self._was_told_farewell = True
        self._transport.write_eof()
        if self.other._was_told_farewell:
            self.connection.close()

    def hush(self) -> None:
        """Hear nothing from this side, not even that it goes, until listen() was called as often."""
        self._hushes += 1
        if self._hushes == 1 and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def listen(self) -> None:
        """Take one hush() back; what was said and not heard comes first."""
        self._hushes -= 1
        while self._unheard and not self._hushes:
            self.connection.rule.carry(self, self._unheard.popleft())
        if not self._hushes and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Deliver what is still to be delivered, then close."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Cut it short: this side sees "connection reset by peer"."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _WITHOUT_LINGERING)
        self._transport.abort()

    # --- what the event loop tells of this side -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.connection.carried_bytes += len(data)
        if self is self.connection.client:
            self.connection.overhear(data)
        if self._hushes:  # uvloop begins to read whatever connection_made() says
            self._unheard.append(data)
        else:
            self.connection.rule.carry(self, data)

    def eof_received(self) -> bool:
        self.data_received(FAREWELL)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        self.connection.rule.lost(self, was_reset=error is not None)
        self.connection.check_gone()

    def pause_writing(self) -> None:
        self.other.hush()

    def resume_writing(self) -> None:
        self.other.listen()


class Connection:
    """Both ends and the rule that holds for them; the client is not heard before the server's end is there."""

    def __init__(
        self, rule: Rule, *, on_gone: Callable[["Connection"], None], overhear: Callable[[bytes], None]
    ) -> None:
        """`overhear` is told what the client says, as soon as it is heard."""
        self.client, self.server = End(self), End(self)
        self.client.other, self.server.other = self.server, self.client
        self.client.hush()
        self.rule = rule
        self.carried_bytes = 0
        self._is_open = False
        self._on_gone = on_gone
        self.overhear = overhear

    @property
    def ends(self) -> tuple[End, End]:
        return self.client, self.server

    @property
    def is_whole(self) -> bool:
        """Whether both ends are there."""
        return self._is_open and not (self.client.is_lost or self.server.is_lost)

    def open(self, rule: Rule) -> None:
        """Both ends were made: let the rule begin."""
        self._is_open = True
        if self.client.is_lost:
            self.server.reset()
            return
        self.rule = rule
        rule.begin(self)
        self.client.listen()

    def close(self) -> None:
        for end in self.ends:
            end.close()

    def reset(self) -> None:
        for end in self.ends:
            end.reset()

    def check_gone(self) -> None:
        """Tell the link when neither end is left."""
        if self.client.is_lost and (self.server.is_lost or not self._is_open):
            self._on_gone(self)
