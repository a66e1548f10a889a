"""How many facts one body may hold: one while an endpoint has little traffic, many under load (hot path).

Clients of the Cloud API are known that read only the first update of a POST (pywa 4.5 is one).
"""

from uuid import UUID

from services.gateway.deliveries.schedule import Limits
from services.gateway.rates import TokenBuckets


class Pace:
    """What an endpoint is told is counted in a bucket of its own; the process's, as its lanes are."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: TokenBuckets[UUID] = TokenBuckets(entries_max=limits.calm_endpoints_max)

    def is_calm(self, endpoint_id: UUID, due: int) -> bool:
        """Whether so many facts may go out one by one."""
        return self._take(endpoint_id, 0) >= due

    def told(self, endpoint_id: UUID, facts: int) -> None:
        """Count facts that go out; what is more than the bucket holds empties it."""
        self._take(endpoint_id, min(facts, self._take(endpoint_id, 0)))

    def _take(self, endpoint_id: UUID, count: float) -> float:
        limits = self._limits
        return self._buckets.take(endpoint_id, limits.calm_per_second, count, burst=limits.calm_burst)
