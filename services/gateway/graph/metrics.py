"""What the send door counts."""

from functools import lru_cache

from prometheus_client import Counter

ACCEPTED = Counter("gateway_messages_accepted_total", "Messages that were taken in.", ["kind", "lane"])
REFUSED = Counter("gateway_sends_refused_total", "Requests that the send door refused, by Meta's code.", ["code"])

_SERIES_MAX = 64  # kinds times lanes


@lru_cache(maxsize=_SERIES_MAX)
def accepted_of(kind: str, lane: str) -> Counter:
    """The counter of one kind and lane: finding it by its labels costs more than counting."""
    return ACCEPTED.labels(kind, lane)
