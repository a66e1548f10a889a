"""Whether a request's API key opens the door: known, valid now, from here, not too often, for this (hot path)."""

from time import time
from uuid import UUID

from services.gateway.rates import TokenBuckets
from services.gateway.tenants.directory import API_KEYS_MAX, Directory
from services.gateway.tenants.metrics import REFUSED
from services.gateway.tenants.principals import ApiPrincipal
from services.gateway.tenants.scopes import Scope
from services.kernel.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized

GIVE_A_KEY = "give a valid API key in the header Authorization: Bearer <your key>"
RETRY_AFTER_SECONDS = 1  # a bucket holds one second's worth


class Visit:
    """One request at a tenant's door: what it brings, and after its admission what is left of its key's limit.

    `address` is the caller's own, None when nobody knows it.
    """

    __slots__ = ("address", "api_key", "left", "policy")

    def __init__(self, api_key: str | None, address: str | None) -> None:
        self.api_key = api_key
        self.address = address
        self.policy: bytes | None = None
        self.left = 0.0


class Doorkeeper:
    """Admits requests; remembers when each key was last used until somebody writes it down."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._buckets: TokenBuckets[UUID] = TokenBuckets(entries_max=API_KEYS_MAX)
        self._uses: dict[UUID, float] = {}  # only of keys that exist; emptied every minute

    async def admit(self, visit: Visit, scope: Scope) -> ApiPrincipal:
        """Who calls; raises Unauthorized, Forbidden, TooManyRequests, and Unavailable when the key cannot be looked up.

        Unknown and revoked keys are answered alike.
        """
        principal = await self._directory.principal(visit.api_key) if visit.api_key else None
        if principal is None:
            raise _refused("unknown", Unauthorized(GIVE_A_KEY))
        now = time()
        if not principal.valid_from <= now < principal.valid_until:
            raise _refused("date", _outside(principal, now))
        if principal.networks and not principal.may_come_from(visit.address):
            raise _refused("network", Forbidden("this API key may not be used from your network: see its `networks`"))
        visit.policy = principal.rate_policy
        visit.left = self._buckets.take(principal.key_id, principal.rate_per_second)
        if visit.left < 0.0:
            raise _refused("rate", _too_often(principal))
        self._uses[principal.key_id] = now
        if scope not in principal.scopes:
            raise _refused("scope", Forbidden(f"this API key lacks the scope {scope}: use a key that has it"))
        return principal

    def take_uses(self) -> dict[UUID, float]:
        """The keys used since the last call, each with the time (seconds since 1970); they are forgotten here."""
        uses, self._uses = self._uses, {}
        return uses

    def put_back(self, uses: dict[UUID, float]) -> None:
        """What could not be written down after all."""
        self._uses = uses | self._uses


def _refused(reason: str, error: ServiceError) -> ServiceError:
    REFUSED.labels(reason).inc()
    return error


def _outside(principal: ApiPrincipal, now: float) -> Unauthorized:
    if now < principal.valid_from:
        return Unauthorized("this API key is not valid yet: see its `valid_from`")
    return Unauthorized("this API key has expired: see its `valid_until`, and use another key")


def _too_often(principal: ApiPrincipal) -> TooManyRequests:
    return TooManyRequests(
        f"more than {principal.rate_per_second} requests a second with this API key: slow down", RETRY_AFTER_SECONDS
    )
