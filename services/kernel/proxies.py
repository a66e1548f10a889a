"""The caller's own address behind trusted proxies, which write it into X-Forwarded-For."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

Address = IPv4Address | IPv6Address

HEADER = b"x-forwarded-for"

_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


class TrustedProxies:
    """Puts the caller's address into `scope["client"]` where the connection comes from a trusted proxy.

    Read from the right, the first address that is no trusted proxy's is the caller's: everything left of it is what
    the caller itself may have written. What cannot be read means that nobody knows the address (None).
    """

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)

    def place_caller(self, scope: Scope) -> None:
        client = scope.get("client")
        if self._networks and client and self._is_trusted(_parsed(client[0])):
            scope["client"] = self._caller(client, scope["headers"])

    def _caller(self, proxy: tuple[str, int], headers: list[tuple[bytes, bytes]]) -> tuple[str, int] | None:
        lines = [value.decode("latin-1") for name, value in headers if name == HEADER]
        hops = [hop.strip() for hop in ",".join(lines).split(",") if hop.strip()]
        caller: tuple[str, int] | None = proxy
        for hop in reversed(hops):
            address = _parsed(hop)
            if address is None:
                return None
            caller = (str(address), 0)
            if not self._is_trusted(address):
                break
        return caller

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _parsed(text: str) -> Address | None:
    """An address, also with a port as some proxies write it; IPv4 in the clothes of IPv6 is IPv4."""
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
