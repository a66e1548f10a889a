"""Who calls with an API key, with everything that is asked about the key at each call."""

import math
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.gateway.tenants.scopes import SCOPES, Mode, Scope

Network = IPv4Network | IPv6Network


class ApiPrincipal(NamedTuple):
    """A tenant's API key: `tenant_id` is the test twin's for a key of mode test.

    `valid_from` and `valid_until` are seconds since 1970; no `networks`: from anywhere. `rate_policy` is the value of
    the header RateLimit-Policy.
    """

    tenant_id: UUID
    key_id: UUID
    tenant_state: str = "active"
    mode: Mode = "live"
    scopes: frozenset[Scope] = frozenset(SCOPES)
    networks: tuple[Network, ...] = ()
    valid_from: float = -math.inf
    valid_until: float = math.inf
    rate_per_second: int = 1
    rate_policy: bytes = b""

    def may_come_from(self, address: str | None) -> bool:
        """Whether the key is used from one of its networks; an address that nobody knows is in none."""
        if not self.networks:
            return True
        place = _parsed(address)
        return place is not None and any(place in network for network in self.networks)


def principal_of(row: Row[Any], *, rate_per_second: int) -> ApiPrincipal:
    """The principal of a row of API keys; `rate_per_second` is for keys that were given no rate of their own."""
    rate = row.rate_per_second or rate_per_second
    return ApiPrincipal(
        tenant_id=row.tenant_id,
        key_id=row.key_id,
        tenant_state=row.tenant_state,
        mode=row.mode,
        scopes=frozenset(row.scopes),
        networks=tuple(row.networks),
        valid_from=_seconds(row.valid_from, -math.inf),
        valid_until=_seconds(row.valid_until, math.inf),
        rate_per_second=rate,
        rate_policy=f'"key";q={rate};w=1'.encode(),
    )


def _seconds(moment: datetime | None, without: float) -> float:
    return without if moment is None else moment.timestamp()


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    """The address; an IPv4 one also where it came in the clothes of IPv6 (::ffff:192.0.2.1)."""
    try:
        place = ip_address(address or "")
    except ValueError:
        return None
    return place.ipv4_mapped or place if isinstance(place, IPv6Address) else place
