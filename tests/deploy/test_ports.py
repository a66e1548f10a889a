"""Ports are configurable, may be taken, and never collide."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.errors import StackError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    start = ports.choose(["any"], {}, 25_000)["any"]
    with socket.create_server(("127.0.0.1", start)):
        yield start


def test_the_environment_moves_a_port() -> None:
    wanted = ports.preferred({"VESTNIK_PORT_GATEWAY": "9000", "VESTNIK_PORT_GATEWAY_WORKER": "9001"})
    assert (wanted["gateway-api"], wanted["gateway-worker"]) == (9000, 9001)
    assert wanted["webhook-api"] == ports.MAIN["webhook-api"]


@pytest.mark.parametrize("wrong", ["abc", "0", "70000", "-1"])
def test_what_is_no_port_is_named(wrong: str) -> None:
    with pytest.raises(StackError, match=f"VESTNIK_PORT_KAFKA={wrong} is no port"):
        ports.preferred({"VESTNIK_PORT_KAFKA": wrong})


def test_a_taken_port_gives_way_to_the_next_free_one(taken: int) -> None:
    chosen = ports.choose(["a"], {"a": taken}, 26_000)["a"]
    assert chosen > taken
    assert ports.free(chosen)


def test_the_next_free_port_is_not_one_that_another_wants(taken: int) -> None:
    chosen = ports.choose(["a", "b"], {"a": taken, "b": taken + 1}, 26_000)
    assert chosen["a"] not in (taken, taken + 1)


def test_every_name_gets_a_port_of_its_own() -> None:
    chosen = ports.choose(["a", "b", "c"], {"a": 26_000, "b": 26_000}, 26_000)
    assert len(set(chosen.values())) == 3


def test_ports_stay_below_those_of_outgoing_connections() -> None:
    for directory in map(str, range(1000)):
        assert ports.OTHERS_FROM <= ports.block(Path(directory)) <= ports.HIGHEST - ports.BLOCK_SIZE
