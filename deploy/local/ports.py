"""Chooses TCP ports on loopback that nobody uses."""

import socket
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.local import documents
from deploy.local.errors import StackError

MAIN = {
    "gateway-api": 18080,
    "webhook-api": 18081,
    "consent-api": 18082,
    "billing-api": 18083,
    "sandbox-api": 18084,
    "gateway-worker": 18090,
    "consent-worker": 18091,
    "billing-worker": 18092,
    "postgres": 15432,
    "kafka": 19092,
    "kafka-controller": 19093,
}
# Below 32768, where the kernel takes ports for outgoing connections: such a one could take a killed service's port.
OTHERS_FROM, BLOCKS, BLOCK_SIZE, HIGHEST = 20_000, 400, 30, 32_767
PORT_MAX = 65_535


def variable(name: str) -> str:
    """Return the environment variable that sets a port: VESTNIK_PORT_GATEWAY, VESTNIK_PORT_GATEWAY_WORKER, ..."""
    return "VESTNIK_PORT_" + name.removesuffix("-api").upper().replace("-", "_")


def preferred(environment: Mapping[str, str]) -> dict[str, int]:
    """Return the main stack's ports: the defaults, replaced by what the environment says."""
    return {name: _asked_for(environment, variable(name)) or port for name, port in MAIN.items()}


def _asked_for(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if text and not (text.isdecimal() and 0 < int(text) <= PORT_MAX):
        raise StackError(f"{name}={text} is no port: give a number from 1 to {PORT_MAX}.")
    return int(text) if text else None


def block(directory: Path) -> int:
    """Return where another stack's ports begin, so that two directories seldom meet."""
    return OTHERS_FROM + zlib.crc32(str(directory).encode()) % BLOCKS * BLOCK_SIZE


def free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(names: Iterable[str], wanted: Mapping[str, int], start: int) -> dict[str, int]:
    """Give every name its wanted port, or the next one (without a wish: after `start`) that nobody has or wants."""
    chosen: dict[str, int] = {}
    for name in names:
        port = wanted.get(name, start)
        others = {*chosen.values(), *(value for other, value in wanted.items() if other != name)}
        while port in others or not free(port):
            port = port + 1 if port < HIGHEST else OTHERS_FROM
        chosen[name] = port
    return chosen


def preferred_again(directory: Path) -> dict[str, int]:
    """Return the ports this directory had the last time."""
    return documents.read(directory / "ports.json") or {}
