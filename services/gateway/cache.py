"""A bounded memory in front of the database: fresh for seconds, and kept while the database is down."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from time import monotonic
from typing import Generic, TypeVar

from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, Unavailable, is_retryable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
W = TypeVar("W")
Loaded = dict[K, V | None]

PATIENCE_SECONDS = 2.0  # a caller of a hot door does not wait longer for a hanging database
RETRY_SECONDS = 1.0  # how long an old entry is used before the database is asked again
ABSENT_SECONDS = 1.0  # how long "there is none" is believed: something new must be usable at once
ABSENT_MAX = 10_000  # made-up keys push out each other, never what exists
TOGETHER_MAX = 500  # entries that are loaded again in one query


class _Entry(Generic[V]):
    __slots__ = ("fresh_until", "is_used", "value")

    def __init__(self, value: V, fresh_until: float) -> None:
        self.value = value
        self.fresh_until = fresh_until
        self.is_used = False  # since it was loaded


class Remembered(Generic[K, V]):
    """What `load` said, for `fresh_seconds`; during an outage what it said last, however old."""

    def __init__(
        self,
        load: Callable[[K], Awaitable[V | None]],
        *,
        fresh_seconds: float,
        entries_max: int,
        load_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]] | None = None,
    ) -> None:
        """With `load_many`, what is in use and soon too old is loaded again together with what is too old already."""
        self._load = load
        self._load_many = load_many
        self._used: list[K] = []
        self._fresh_seconds = fresh_seconds
        self._entries_max = entries_max
        self._entries: dict[K, _Entry[V]] = {}
        self._absent: dict[K, float] = {}  # until when it is believed
        self._loads: dict[K, asyncio.Task[Loaded[K, V]]] = {}  # what is being loaded, by each key of it

    def fresh(self, key: K) -> V | None:
        """The value if it is remembered and fresh; None says nothing."""
        entry = self._entries.get(key)
        return entry.value if entry is not None and entry.fresh_until > monotonic() else None

    async def get(self, key: K) -> V | None:
        """The value, or None when there is none; Unavailable when the database is down and nothing is remembered."""
        entry = self._entries.get(key)
        if entry is not None and entry.fresh_until > monotonic():
            if not entry.is_used and self._load_many is not None:
                entry.is_used = True
                self._used.append(key)
            return entry.value
        if entry is None and self._absent.get(key, 0.0) > monotonic():
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._loaded_value(key)
        except (*DEPENDENCY_ERRORS, Unavailable) as error:
            if not is_retryable(error):
                raise
            return self._old(entry, error)

    def put(self, key: K, value: V | None) -> None:
        """Remember a value that was just written or read."""
        self.forget(key)
        if value is None:
            _make_room(self._absent, ABSENT_MAX)
            self._absent[key] = monotonic() + ABSENT_SECONDS
        else:
            _make_room(self._entries, self._entries_max)
            self._entries[key] = _Entry(value, monotonic() + self._fresh_seconds)

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)
        self._absent.pop(key, None)

    async def _loaded_value(self, key: K) -> V | None:
        """What is being loaded for anybody; where that question had to leave the key out, it gets one of its own."""
        found = await asyncio.shield(self._loads.get(key) or self._load_again(key))
        if key not in found:
            found = await asyncio.shield(self._loads.get(key) or self._start([key]))
        return found[key]

    def _load_again(self, key: K) -> "asyncio.Task[Loaded[K, V]]":
        """The key, and with it what is in use and soon too old."""
        return self._start([key] if self._load_many is None else [key, *self._soon_too_old(key)])

    def _start(self, keys: Sequence[K]) -> "asyncio.Task[Loaded[K, V]]":
        """One load for all who ask for one of these meanwhile; it goes on when they lose their patience."""
        task = asyncio.ensure_future(self._load_and_put(keys))
        self._loads |= dict.fromkeys(keys, task)
        task.add_done_callback(lambda done: self._ended(keys, done))
        return task

    async def _load_and_put(self, keys: Sequence[K]) -> Loaded[K, V]:
        found = await self._load_together(keys) if len(keys) > 1 else None
        if found is None:  # of a crowd that cannot be read together, the first alone
            keys = keys[:1]
            found = {keys[0]: await self._load(keys[0])}
        loaded = {key: found.get(key) for key in keys}
        for key, value in loaded.items():
            self.put(key, value)
        return loaded

    async def _load_together(self, keys: Sequence[K]) -> Mapping[K, V | None] | None:
        """None where one of them cannot be read: that is its own fault, and may be another tenant's."""
        assert self._load_many is not None  # without it there is only one
        try:
            return await self._load_many(keys)
        except ServiceError as error:
            if error.retryable:
                raise
            return None

    def _soon_too_old(self, key: K) -> list[K]:
        """Other entries that were used since they were loaded and have lived for half of their time."""
        limit = monotonic() + self._fresh_seconds / 2
        entries = {one: self._entries[one] for one in self._used if one != key and one in self._entries}
        old = [one for one, entry in entries.items() if entry.fresh_until < limit and one not in self._loads]
        due = old[:TOGETHER_MAX]
        self._used = list(entries.keys() - set(due))
        return due

    def _ended(self, keys: Sequence[K], task: "asyncio.Task[Loaded[K, V]]") -> None:
        for key in keys:
            del self._loads[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left who does

    def _old(self, entry: _Entry[V] | None, error: Exception) -> V:
        if entry is None and isinstance(error, Unavailable):
            raise error
        if entry is None:
            raise Unavailable("the database does not answer; try again") from error
        entry.fresh_until = monotonic() + RETRY_SECONDS
        return entry.value


def _make_room(entries: dict[K, W], entries_max: int) -> None:
    while len(entries) >= entries_max:
        del entries[next(iter(entries))]  # the one that was loaded longest ago
