"""Whose address a request has: the connection's, or what a trusted proxy says."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.proxies import TrustedProxies

PROXIES = tuple(ip_network(text) for text in ("10.0.0.0/8", "2001:db8::/64"))


def caller(client: tuple[str, int] | None, *lines: str) -> tuple[str, int] | None:
    """Who the request is from."""
    headers = [(b"x-forwarded-for", line.encode("latin-1", "replace")) for line in lines]
    scope: dict[str, Any] = {"type": "http", "client": client, "headers": headers}
    TrustedProxies(PROXIES).place_caller(scope)
    found: tuple[str, int] | None = scope["client"]
    return found


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
def test_the_caller_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    client: tuple[str, int] | None, lines: list[str], expected: tuple[str, int] | None
) -> None:
    assert caller(client, *lines) == expected


@given(st.lists(st.text(max_size=40), max_size=5))
def test_nothing_that_a_caller_writes_is_an_error_or_makes_it_another(lines: list[str]) -> None:
    assert caller(PROXY, *lines, "198.51.100.7") == ("198.51.100.7", 0)
    caller(PROXY, *lines)
