"""How often a tenant may have one endpoint told again, or tested (by one process)."""

from math import ceil
from uuid import UUID

from services.gateway.rates import TokenBuckets
from services.kernel.errors import TooManyRequests

REPLAY_SECONDS = 5.0  # one request moves up to 5000 facts
TEST_SECONDS = 1.0
BUCKETS_MAX = 10_000

_replays: TokenBuckets[UUID] = TokenBuckets(entries_max=BUCKETS_MAX)
_tests: TokenBuckets[UUID] = TokenBuckets(entries_max=BUCKETS_MAX)


def check_replay(endpoint_id: UUID) -> None:
    """Count a replay; raises TooManyRequests."""
    _take(_replays, endpoint_id, REPLAY_SECONDS, "replay")


def check_test(endpoint_id: UUID) -> None:
    """Count a test; raises TooManyRequests."""
    _take(_tests, endpoint_id, TEST_SECONDS, "test")


def _take(buckets: TokenBuckets[UUID], endpoint_id: UUID, seconds: float, what: str) -> None:
    if buckets.take(endpoint_id, 1.0 / seconds, burst=1.0) < 0.0:
        raise TooManyRequests(
            f"one {what} of an endpoint in {seconds:g} s: ask again after Retry-After",
            retry_after_seconds=ceil(seconds),
        )
