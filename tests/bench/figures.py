"""Small statistics over measurements: percentiles of values and of histograms, and whether a series grows."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

PARTS = 4
SAMPLES_MIN = 2 * PARTS


class Floor(NamedTuple):
    """How much a series must gain from its first quarter to its last to be worth a name."""

    absolute: float
    share: float


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def milliseconds(seconds: Sequence[float], percents: Sequence[float] = (50, 99)) -> dict[str, float | None]:
    """{"p50": .., "p99": ..} in milliseconds."""
    ordered = sorted(seconds)
    found = {f"p{percent:g}": percentile(ordered, percent) for percent in percents}
    return {name: None if value is None else round(value * 1000, 1) for name, value in found.items()}


def histogram_percentile(bounds: Sequence[float], counts: Sequence[int], percent: float) -> float | None:
    """The upper bound of the bucket that holds the percentile; the bucket past the last bound reads as that bound."""
    total = sum(counts)
    if not total:
        return None
    wanted, seen = math.ceil(percent / 100 * total), 0
    for bound, count in zip((*bounds, bounds[-1]), counts, strict=True):
        seen += count
        if seen >= max(wanted, 1):
            return bound
    raise AssertionError("the counts hold their own total")


def share_over(bounds: Sequence[float], counts: Sequence[int], limit: float) -> float | None:
    """Which share lies above `limit`, which must be one of the bounds."""
    total = sum(counts)
    return sum(counts[list(bounds).index(limit) + 1 :]) / total if total else None


def grows(samples: Sequence[float], floor: Floor) -> bool:
    """Whether a series grew steadily: the medians of its four quarters rise one after the other, and the last one is
    above the first by the absolute floor and by the share. Noise and a single jump do not pass; a leak does.
    """
    if len(samples) < SAMPLES_MIN:
        return False
    quarters = levels(samples)
    steady = all(before < after for before, after in pairwise(quarters))
    return steady and quarters[-1] - quarters[0] >= max(floor.absolute, floor.share * quarters[0])


def levels(samples: Sequence[float]) -> list[float]:
    """The median of each quarter of a series of at least PARTS samples."""
    cuts = [round(len(samples) * part / PARTS) for part in range(PARTS + 1)]
    return [median(samples[begin:end]) for begin, end in pairwise(cuts)]
