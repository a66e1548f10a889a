"""Whose address a request has: the connection's, or what a trusted proxy says."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.proxies import TrustedProxies

PROXIES = tuple(ip_network(text) for text in ("10.0.0.0/8", "2001:db8::/64"))


async def caller(client: tuple[str, int] | None, *lines: str) -> tuple[str, int] | None:
    """What the application behind sees."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    headers = [(b"x-forwarded-for", line.encode("latin-1", "replace")) for line in lines]
    scope = {"type": "http", "client": client, "headers": headers}
    await TrustedProxies(app, networks=PROXIES)(scope, None, None)  # type: ignore[arg-type]  # nobody reads or writes
    [found] = seen
    return found  # type: ignore[no-any-return]  # a scope holds anything


PROXY = ("10.1.2.3", 4711)
OTHER = ("203.0.113.1", 4711)


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        (OTHER, ["198.51.100.7"], OTHER),  # anybody can write the header
        (PROXY, [], PROXY),
        (PROXY, ["198.51.100.7"], ("198.51.100.7", 0)),
        (PROXY, ["1.1.1.1, 198.51.100.7"], ("198.51.100.7", 0)),
        (PROXY, ["1.1.1.1", "198.51.100.7"], ("198.51.100.7", 0)),
        (PROXY, ["198.51.100.7, 10.9.9.9"], ("198.51.100.7", 0)),
        (PROXY, ["10.9.9.9, 10.8.8.8"], ("10.9.9.9", 0)),  # the caller is one of ours
        (("::ffff:10.1.2.3", 1), ["198.51.100.7"], ("198.51.100.7", 0)),
        (("2001:db8::5", 1), ["2001:db9::7"], ("2001:db9::7", 0)),
        (PROXY, ["[2001:db9::7]:443"], ("2001:db9::7", 0)),
        (PROXY, ["198.51.100.7:1234"], ("198.51.100.7", 0)),
        (PROXY, ["198.51.100.7, unknown"], None),
        (PROXY, ["unknown, 198.51.100.7"], ("198.51.100.7", 0)),
        (PROXY, ["999.1.1.1"], None),
        (PROXY, [" , ,"], PROXY),
        (None, ["198.51.100.7"], None),
    ],
)
async def test_the_caller_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    client: tuple[str, int] | None, lines: list[str], expected: tuple[str, int] | None
) -> None:
    assert await caller(client, *lines) == expected


@given(st.lists(st.text(max_size=40), max_size=5))
async def test_nothing_that_a_caller_writes_is_an_error_or_makes_it_another(lines: list[str]) -> None:
    assert await caller(PROXY, *lines, "198.51.100.7") == ("198.51.100.7", 0)
    await caller(PROXY, *lines)
