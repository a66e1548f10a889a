"""Which IP addresses a callback may connect to: an explicit deny list (billing-consent-keys 5.3), never a guess.

`ipaddress.is_global` is not used: what it says of NAT64, 6to4 and shared space differs between versions of Python.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressRules(NamedTuple):
    """What an operator adds to the list: loopback for local stacks, and its own public networks, which are refused."""

    allow_loopback: bool = False
    denied: tuple[Network, ...] = ()


STRICT = AddressRules()

DENIED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything outside is special: loopback, NAT64, unique local, link-local, segment routing, multicast.
GLOBAL_IPV6 = IPv6Network("2000::/3")
DENIED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)


def is_allowed(text: str, rules: AddressRules = STRICT) -> bool:
    """Whether a callback may connect to this address; what is no address is refused."""
    try:
        address = _plain(ip_address(text))
    except ValueError:
        return False
    if address.is_loopback:
        return rules.allow_loopback
    if any(address in network for network in rules.denied):
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in DENIED_IPV4)
    has_zone = address.scope_id is not None
    return address in GLOBAL_IPV6 and not has_zone and not any(address in network for network in DENIED_IPV6)


def is_loopback(text: str) -> bool:
    """Whether the text is an address of this machine itself."""
    try:
        return _plain(ip_address(text)).is_loopback
    except ValueError:
        return False


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as IPv6 (::ffff:a.b.c.d) is judged as what it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
