"""How much an endpoint is given at once, and when a delivery is tried again (hot path)."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.gateway.rates import TokenBuckets

#: Answers that ask for less: too many requests, and gateways whose server is overwhelmed (billing-consent-keys 5.1).
SLOW_STATUSES = frozenset({429, 502, 504})
#: Answers whose Retry-After speaks of the endpoint, not of this one body (RFC 9110, 10.2.3).
RESTING_STATUSES = frozenset({429, 503})
TIMEOUT = "timeout"


class Reach(NamedTuple):
    """How far a claim of facts looks: how many it takes, and how long and how far a person's order is kept (Limits)."""

    values_max: int
    facts_min: int
    order_seconds: float
    window: int
    head_max: int
    lease_seconds: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of the delivery loop."""

    values_max: int = 250  # facts in one body; an endpoint's max_updates may say less
    calm_burst: int = 50  # facts that go out one a body: what a shop's busy minute brings at once
    calm_per_second: float = 20.0  # and that one endpoint takes so in the long run, four POSTs at a time of 0.2 s each
    calm_endpoints_max: int = 10_000  # whose traffic is remembered, some 200 bytes each; a forgotten one is calm
    bodies_max: int = 4  # that one round makes for one endpoint
    body_bytes_max: int = 1_000_000  # a third of what Meta itself sends at most
    endpoints_max: int = 64  # of which one round takes work
    endpoint_in_flight_max: int = 4
    in_flight_max: int = 1_000  # of one process
    failing_in_flight_max: int = 500  # of them to endpoints that failed last: those that answer always find a place
    timeout_seconds: float = 10.0
    lease_seconds: float = 20.0  # more than the time-out and the writing of the result
    backoff_first_seconds: float = 5.0
    backoff_max_seconds: float = 6 * 3_600.0
    slow_seconds: float = 30.0  # the least wait after a time-out or an answer that asks for less
    retry_after_max_seconds: float = 3_600.0  # a longer one is not obeyed
    give_up_seconds: float = 3 * 86_400.0
    order_seconds: float = 600.0  # a delivery younger than this holds back later facts of its people
    order_window: int = 32  # such deliveries of one endpoint: more are not made before some are taken
    head_max: int = 1_000  # facts at the head of an endpoint's queue that a round looks at
    defer_max_seconds: float = 30.0  # a status whose message is not stored by then is told without its recipient
    keep_seconds: float = 7 * 86_400.0  # facts that nobody takes, and dead deliveries
    again_seconds: float = 0.5  # between looks for deliveries whose next attempt is due
    idle_seconds: float = 0.25  # between polls for what other processes enqueued
    gather_seconds: float = 0.4  # between rounds under load: a post costs as much as twenty facts in it
    failures_free: int = 3  # failures in a row before an endpoint is given one probe at a time
    pause_max_seconds: float = 30.0

    @property
    def reach(self) -> Reach:
        facts_min = self.calm_burst + 1  # enough to see that the traffic is not calm
        return Reach(
            self.values_max, facts_min, self.order_seconds, self.order_window, self.head_max, self.lease_seconds
        )


def is_slow(status: int, error: str) -> bool:
    """Whether an attempt says that the endpoint is called too much, or cannot follow."""
    return status in SLOW_STATUSES or error == TIMEOUT


def backoff_seconds(limits: Limits, attempt: int, *, slow: bool = False, retry_after_seconds: float = 0.0) -> float:
    """The wait after the failed `attempt` (from 1), with a fifth of jitter, and not less than Retry-After asks for.

    5 s, 10 s, ... 6 h; after a time-out, 429 or a gateway's error at least half a minute; Retry-After counts up to an
    hour.
    """
    wait = min(limits.backoff_first_seconds * 2.0 ** min(attempt - 1, 40), limits.backoff_max_seconds)
    wait = max(wait, limits.slow_seconds if slow else 0.0)
    spread = wait * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, guards nothing
    return max(spread, rest_seconds(limits, retry_after_seconds))


def rest_seconds(limits: Limits, retry_after_seconds: float) -> float:
    """How long an endpoint is left in peace that asked for it."""
    return min(retry_after_seconds, limits.retry_after_max_seconds)


class Pause(NamedTuple):
    """How long an endpoint is left in peace (monotonic), and when what it is left for began."""

    until: float
    since: datetime


class Lanes:
    """The deliveries under way, by endpoint: a slow one fills its own lane only, a failing one is probed singly."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._in_flight: Counter[UUID] = Counter()
        self._failures: Counter[UUID] = Counter()
        self._pauses: dict[UUID, Pause] = {}

    def enter(self, endpoint_id: UUID) -> None:
        self._in_flight[endpoint_id] += 1

    def leave(self, endpoint_id: UUID) -> None:
        self._in_flight[endpoint_id] -= 1
        if self._in_flight[endpoint_id] <= 0:
            del self._in_flight[endpoint_id]

    def succeeded(self, endpoint_id: UUID) -> None:
        self._failures.pop(endpoint_id, None)
        self._pauses.pop(endpoint_id, None)

    def failed(self, endpoint_id: UUID, *, tried_at: datetime, slow: bool = False) -> None:
        """A slow failure counts as many: whoever cannot follow gets one request at a time at once."""
        free = self._limits.failures_free
        self._failures[endpoint_id] = max(self._failures[endpoint_id] + 1, free if slow else 0)
        over = self._failures[endpoint_id] - free
        if over >= 0:
            self.pause(endpoint_id, min(2.0 ** min(over, 10), self._limits.pause_max_seconds), since=tried_at)

    def pause(self, endpoint_id: UUID, seconds: float, *, since: datetime) -> None:
        self._pauses[endpoint_id] = Pause(time.monotonic() + seconds, since)

    def paused(self) -> dict[UUID, datetime]:
        """Endpoints that are left in peace for what was found at these times."""
        now = time.monotonic()
        self._pauses = {endpoint: pause for endpoint, pause in self._pauses.items() if pause.until > now}
        return {endpoint: pause.since for endpoint, pause in self._pauses.items()}

    def closed(self) -> list[UUID]:
        """Endpoints to which no further delivery may start now."""
        full = {endpoint for endpoint, count in self._in_flight.items() if count >= self._width(endpoint)}
        return list(full | self.paused().keys() | self._crowded())

    def places(self, endpoint_id: UUID) -> int:
        """How many more deliveries may start to this endpoint."""
        free = self._width(endpoint_id) - self._in_flight.get(endpoint_id, 0)
        return max(0, min(free, self._limits.bodies_max))

    def _width(self, endpoint_id: UUID) -> int:
        failing = self._failures.get(endpoint_id, 0) >= self._limits.failures_free
        return 1 if failing else self._limits.endpoint_in_flight_max

    def _crowded(self) -> set[UUID]:
        """All that failed last, while too many places are taken by such."""
        taken = sum(count for endpoint, count in self._in_flight.items() if endpoint in self._failures)
        return set(self._failures) if taken >= self._limits.failing_in_flight_max else set()


class Pace:
    """How many facts one body may hold: one while an endpoint has little traffic, many under load.

    Clients of the Cloud API are known that read only the first update of a POST (pywa 4.5 is one). What an endpoint is
    told is counted in a bucket of its own; the process's, as its lanes are.
    """

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
