"""What a link does with its connections: let everything pass, or one of five faults."""

import asyncio
from collections import defaultdict, deque
from functools import partial

from tests.chaos.links.connection import FAREWELL, Connection, End

# What was written just before a reset must have left our buffers.
LAST_WORDS_SECONDS = 0.02


class Clear:
    """Everything passes: bytes, farewells, resets."""

    @property
    def for_newcomers(self) -> "Clear":
        """The rule of a connection that is opened while this one holds."""
        return self

    def begin(self, connection: Connection) -> None:
        """Begin to hold for this connection."""

    def carry(self, end: End, data: bytes) -> None:
        """Do something with what this end said."""
        end.other.say(data)

    def lost(self, end: End, *, was_reset: bool) -> None:
        """Do something about it that this end is gone."""
        if was_reset:
            end.other.reset()
        else:
            end.other.close()

    def finish(self, connection: Connection) -> None:
        """Hold no longer for this connection, whose rule is CLEAR by now."""


CLEAR = Clear()


class Latency(Clear):
    """Everything arrives so much later, each way; what is under way at the end arrives at once, in its order."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: defaultdict[End, deque[bytes]] = defaultdict(deque)

    def carry(self, end: End, data: bytes) -> None:
        self._under_way[end].append(data)
        asyncio.get_running_loop().call_later(self._seconds, self._arrive, end)

    def lost(self, end: End, *, was_reset: bool) -> None:
        asyncio.get_running_loop().call_later(self._seconds, partial(super().lost, end, was_reset=was_reset))

    def _arrive(self, end: End) -> None:
        if self._under_way[end]:
            end.other.say(self._under_way[end].popleft())

    def finish(self, connection: Connection) -> None:
        for end in connection.ends:
            while self._under_way[end]:
                self._arrive(end)


class Reset(Clear):
    """Every connection is reset, also one that is opened while this lasts."""

    def begin(self, connection: Connection) -> None:
        connection.reset()


class Blackhole(Clear):
    """Connections are accepted, nothing passes, and no side hears that the other one goes.

    At the end they go on where they stood, their late bytes arrive; or (`resets`) both sides are reset.
    """

    def __init__(self, *, resets: bool) -> None:
        self._resets = resets

    def begin(self, connection: Connection) -> None:
        for end in connection.ends:
            end.hush()

    def lost(self, end: End, *, was_reset: bool) -> None:
        """The other side is not told before the end."""

    def finish(self, connection: Connection) -> None:
        if self._resets or not connection.is_whole:
            connection.reset()
            return
        for end in connection.ends:
            end.listen()


class HalfOpen(Clear):
    """The connections of this moment lose one side, and the other side is not told; new ones pass.

    As with a router that forgot them: while this lasts the words of the side that is left go nowhere; if it said
    something it is reset at the end, else at its next word. A side that says nothing is never told.
    """

    def __init__(self, *, cuts_client: bool) -> None:
        self._cuts_client = cuts_client
        self._spoke: set[Connection] = set()

    @property
    def for_newcomers(self) -> Clear:
        return CLEAR

    def begin(self, connection: Connection) -> None:
        (connection.client if self._cuts_client else connection.server).reset()

    def carry(self, end: End, data: bytes) -> None:
        if data == FAREWELL:
            end.close()
        self._spoke.add(end.connection)

    def lost(self, end: End, *, was_reset: bool) -> None:
        """The other side is not told."""

    def finish(self, connection: Connection) -> None:
        connection.rule = _FORGOTTEN
        if connection in self._spoke:
            connection.reset()


class _Forgotten(Clear):
    """What is left of a connection whose other side was cut: reset at its next word."""

    def carry(self, end: End, data: bytes) -> None:
        end.reset()

    def lost(self, end: End, *, was_reset: bool) -> None:
        """There is nobody to tell."""


_FORGOTTEN = _Forgotten()


class _Cut(Clear):
    """The last moment before a reset: nothing passes any more, whatever ends meanwhile."""

    def carry(self, end: End, data: bytes) -> None:
        """Nobody hears it."""


_CUT = _Cut()


class CutAfter(Clear):
    """So many bytes of the server's answers pass on each connection, then both sides are reset."""

    def __init__(self, count: int) -> None:
        self._left: defaultdict[Connection, int] = defaultdict(lambda: count)

    def carry(self, end: End, data: bytes) -> None:
        connection = end.connection
        if end is connection.client or data == FAREWELL:
            end.other.say(data)
            return
        left = self._left[connection]
        self._left[connection] -= len(data)
        end.other.say(data[:left])
        if len(data) >= left:
            connection.rule = _CUT
            asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, connection.reset)
