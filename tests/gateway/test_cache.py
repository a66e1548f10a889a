"""What is remembered in front of the database: fresh for its time, and loaded again together while it is in use."""

import asyncio
from collections.abc import Sequence

import pytest

from services.gateway.cache import Remembered
from services.kernel.errors import NotFound, Unavailable

FRESH_SECONDS = 60.0


class Source:
    """A database of words; every question to it is kept."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked: list[tuple[str, ...]] = []
        self.is_down = False
        self.broken = ""

    async def one(self, key: str) -> str | None:
        return (await self.many([key])).get(key)

    async def many(self, keys: Sequence[str]) -> dict[str, str]:
        self.asked.append(tuple(sorted(keys)))
        if self.is_down:
            raise ConnectionRefusedError
        if self.broken in keys:
            raise NotFound(f"the keys of {self.broken} were destroyed")
        return {key: self.known[key] for key in keys if key in self.known}


@pytest.fixture
def source() -> Source:
    return Source(a="1", b="2", c="3")


def remembered(source: Source) -> Remembered[str, str]:
    return Remembered(source.one, fresh_seconds=FRESH_SECONDS, entries_max=10, load_many=source.many)


def age(cache: Remembered[str, str], seconds: float, *keys: str) -> None:
    for key in keys:
        cache._entries[key].fresh_until -= seconds


async def used(source: Source, *keys: str) -> Remembered[str, str]:
    """Loaded, and used since."""
    cache = remembered(source)
    for _ in range(2):
        for key in keys:
            await cache.get(key)
    source.asked.clear()
    return cache


async def test_what_is_in_use_is_loaded_again_in_one_question(source: Source) -> None:
    cache = await used(source, "a", "b", "c")
    age(cache, FRESH_SECONDS, "a")
    age(cache, FRESH_SECONDS / 2 + 1, "b")
    source.known["a"] = source.known["b"] = "new"
    assert await cache.get("a") == "new"
    assert source.asked == [("a", "b")]  # c is young
    assert [await cache.get(key) for key in "bc"] == ["new", "3"]
    assert len(source.asked) == 1


async def test_what_nobody_uses_is_not_loaded_again(source: Source) -> None:
    cache = await used(source, "a")
    await cache.get("b")  # loaded, and not asked for since
    age(cache, FRESH_SECONDS, "a", "b")
    source.asked.clear()
    await cache.get("a")
    assert source.asked == [("a",)]


async def test_a_neighbour_that_is_gone_is_gone(source: Source) -> None:
    cache = await used(source, "a", "b")
    age(cache, FRESH_SECONDS, "a", "b")
    del source.known["b"]
    assert await cache.get("a") == "1"
    assert await cache.get("b") is None
    assert source.asked == [("a", "b")]


async def test_a_neighbour_that_cannot_be_read_harms_nobody_else(source: Source) -> None:
    cache = await used(source, "a", "b", "c")
    age(cache, FRESH_SECONDS, "a", "b", "c")
    source.broken, source.known["a"] = "b", "new"
    assert await cache.get("a") == "new"
    assert await cache.get("c") == "3"
    with pytest.raises(NotFound):
        await cache.get("b")


async def test_an_outage_leaves_everything_as_it_was_last(source: Source) -> None:
    cache = await used(source, "a", "b")
    age(cache, FRESH_SECONDS, "a", "b")
    source.is_down = True
    assert [await cache.get(key) for key in "ab"] == ["1", "2"]
    with pytest.raises(Unavailable):
        await cache.get("c")


async def test_those_who_ask_at_once_share_a_question(source: Source) -> None:
    cache = remembered(source)
    assert await asyncio.gather(*(cache.get("a") for _ in range(5))) == ["1"] * 5
    assert source.asked == [("a",)]


async def test_a_crowd_that_asks_for_several_at_once_shares_a_question(source: Source) -> None:
    cache = await used(source, "a", "b", "c")
    age(cache, FRESH_SECONDS, "a", "b", "c")
    source.known["b"] = "new"
    assert await asyncio.gather(*(cache.get(key) for key in "abca")) == ["1", "new", "3", "1"]
    assert source.asked == [("a", "b", "c")]


async def test_one_of_a_crowd_that_cannot_be_read_harms_nobody_else(source: Source) -> None:
    cache = await used(source, "a", "b", "c")
    age(cache, FRESH_SECONDS, "a", "b", "c")
    source.broken, source.known["c"] = "b", "new"
    found = await asyncio.gather(*(cache.get(key) for key in "abc"), return_exceptions=True)
    assert [found[0], type(found[1]), found[2]] == ["1", NotFound, "new"]
    assert not cache._loads


async def test_the_memory_of_use_is_bounded_by_what_is_remembered(source: Source) -> None:
    cache = await used(source, "a", "b")
    for _ in range(50):
        age(cache, FRESH_SECONDS, "a", "b")
        for key in "aab":
            await cache.get(key)
    assert len(cache._used) <= 2
