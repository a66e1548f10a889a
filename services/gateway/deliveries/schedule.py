"""When a delivery is tried again, and how many may be under way to one tenant."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of the delivery loop."""

    values_max: int = 100  # facts in one body
    bodies_max: int = 4  # that one round makes for one tenant
    body_bytes_max: int = 1_000_000  # a third of what Meta itself sends at most
    tenants_max: int = 64  # of which one round takes work
    tenant_in_flight_max: int = 4
    in_flight_max: int = 1_000  # of one process
    timeout_seconds: float = 10.0
    lease_seconds: float = 20.0  # more than the time-out and the writing of the result
    backoff_first_seconds: float = 5.0
    backoff_max_seconds: float = 6 * 3_600.0
    give_up_seconds: float = 3 * 86_400.0
    defer_seconds: float = 1.0  # a status whose message is not stored yet is looked at again
    defer_max_seconds: float = 30.0  # and then told without its recipient
    keep_seconds: float = 7 * 86_400.0  # facts without a URL, and dead deliveries
    idle_seconds: float = 0.25  # between polls for what other processes enqueued
    gather_seconds: float = 0.1  # between rounds under load
    failures_free: int = 3  # failures in a row before an endpoint is given one probe at a time
    pause_max_seconds: float = 30.0


def backoff_seconds(limits: Limits, attempt: int, retry_after_seconds: int = 0) -> float:
    """The wait after the failed `attempt` (from 1), with a fifth of jitter; Retry-After may at most double it."""
    doubled = limits.backoff_first_seconds * 2.0 ** min(attempt - 1, 40)
    wait = min(doubled, limits.backoff_max_seconds)
    wait = min(max(wait, float(retry_after_seconds)), 2 * wait)
    return wait * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, guards nothing


class Lanes:
    """The deliveries under way, by tenant: a slow endpoint fills its own lane only, a failing one is probed singly."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._in_flight: Counter[UUID] = Counter()
        self._failures: Counter[UUID] = Counter()
        self._paused_until: dict[UUID, float] = {}  # monotonic

    def enter(self, tenant_id: UUID) -> None:
        self._in_flight[tenant_id] += 1

    def leave(self, tenant_id: UUID) -> None:
        self._in_flight[tenant_id] -= 1
        if self._in_flight[tenant_id] <= 0:
            del self._in_flight[tenant_id]

    def succeeded(self, tenant_id: UUID) -> None:
        self._failures.pop(tenant_id, None)
        self._paused_until.pop(tenant_id, None)

    def failed(self, tenant_id: UUID) -> None:
        self._failures[tenant_id] += 1
        over = self._failures[tenant_id] - self._limits.failures_free
        if over >= 0:
            self.pause(tenant_id, min(2.0 ** min(over, 10), self._limits.pause_max_seconds))

    def pause(self, tenant_id: UUID, seconds: float) -> None:
        self._paused_until[tenant_id] = time.monotonic() + seconds

    def closed(self) -> list[UUID]:
        """Tenants from whom no further delivery may start now."""
        now = time.monotonic()
        full = {tenant for tenant, count in self._in_flight.items() if count >= self._width(tenant)}
        return list(full | {tenant for tenant, until in self._paused_until.items() if until > now})

    def places(self, tenant_id: UUID) -> int:
        """How many more deliveries may start to this tenant."""
        free = self._width(tenant_id) - self._in_flight[tenant_id]
        return max(0, min(free, self._limits.bodies_max))

    def _width(self, tenant_id: UUID) -> int:
        failing = self._failures[tenant_id] >= self._limits.failures_free
        return 1 if failing else self._limits.tenant_in_flight_max
