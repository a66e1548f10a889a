"""A line through the samples of one series, and whether the series grows."""

from statistics import fmean, median
from typing import NamedTuple

from tests.bench.figures import Floor

WARM_UP_SHARE = 1 / 6  # of a run: heaps and caches fill, tables get their first pages
PACE_SHARE = 0.5  # of the line's slope that the second half must keep: what settles is no leak
SAMPLES_MIN = 8


class Line(NamedTuple):
    """`slope` is for each unit of x."""

    slope: float
    begin: float
    x0: float

    def at(self, x: float) -> float:
        return self.begin + self.slope * (x - self.x0)


class Series(NamedTuple):
    """Values over minutes (of the run, or messages where said so), in the order of time."""

    xs: tuple[float, ...]
    values: tuple[float, ...]

    def since(self, x: float) -> "Series":
        kept = [(at, value) for at, value in zip(self.xs, self.values, strict=True) if at >= x]
        return Series(tuple(at for at, _ in kept), tuple(value for _, value in kept))

    @property
    def warm(self) -> "Series":
        """Without the warm-up."""
        return self.since(self.xs[0] + WARM_UP_SHARE * (self.xs[-1] - self.xs[0])) if self.xs else self

    def level(self, x: float, width: float) -> float | None:
        """The median of what was seen in the last `width` before x."""
        seen = [value for at, value in zip(self.xs, self.values, strict=True) if x - width <= at <= x]
        return median(seen) if seen else None


def fit(series: Series) -> Line:
    """Least squares; a single sample, or none, lies level."""
    if not series.xs:
        return Line(0.0, 0.0, 0.0)
    x, y = fmean(series.xs), fmean(series.values)
    spread = sum((at - x) ** 2 for at in series.xs)
    pairs = zip(series.xs, series.values, strict=True)
    slope = sum((at - x) * (value - y) for at, value in pairs) / spread if spread else 0.0
    return Line(slope, y - slope * (x - series.xs[0]), series.xs[0])


def rise(series: Series) -> float:
    """How much the line gains over the series."""
    return fit(series).slope * (series.xs[-1] - series.xs[0]) if series.xs else 0.0


def grows(series: Series, floor: Floor) -> bool:
    """Whether a series that should be flat grows: after the warm-up its line gains more than the floor (an absolute
    amount and a share of the mean, whichever is more), and the line of the second half alone is at least half as steep.
    Noise stays below the floor; after a single jump, and where it has climbed to its level, a series is level again.
    """
    warm = series.warm
    if len(warm.xs) < SAMPLES_MIN:
        return False
    gained, middle = rise(warm), (warm.xs[0] + warm.xs[-1]) / 2
    if gained <= max(floor.absolute, floor.share * fmean(warm.values)):
        return False
    return fit(warm.since(middle)).slope >= PACE_SHARE * fit(warm).slope
