"""Turns a soak's samples into judged series: what each was at its thirds, its line, and whether it did as expected."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from tests.bench.figures import histogram_percentile, percentile
from tests.bench.load import Outcome
from tests.bench.processes import MEGABYTE
from tests.bench.sampler import Sample
from tests.soak.expectations import Expectation, expected
from tests.soak.lines import Series, fit, grows

PERCENTS = (50, 99)
THIRDS = (1 / 3, 2 / 3, 1.0)
LEVEL_SHARE = 1 / 12  # of a run: what a value at one of the thirds is the median of


def judged(outcome: Outcome, *, persons: int) -> dict[str, dict[str, Any]]:
    """Every series by its name, as it stands in latest.json."""
    begin, end = outcome.window
    samples = [sample for sample in outcome.samples if begin.at <= sample.at <= end.at]
    accepted = Series(_minutes(samples, begin), tuple(float(sample.accepted) for sample in samples))
    rate = outcome.schedule.rate
    found = {**_sampled(samples, begin), **_latencies(outcome, samples)}
    return {
        name: _judged(series, expected(name, rate=rate, persons=persons), accepted)
        for name, series in sorted(found.items())
    }


def offences(series: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What did not do as expected, in words."""
    return [f"{name} should be {one['expected']}: {one['offence']}" for name, one in series.items() if one["offence"]]


def _judged(series: Series, expectation: Expectation, accepted: Series) -> dict[str, Any]:
    line, minutes = fit(series.warm), series.xs[-1]
    values = {f"{round(minutes * part, 1):g}": series.level(minutes * part, LEVEL_SHARE * minutes) for part in THIRDS}
    each = None
    if expectation.kind == "grows with messages":
        messages = accepted.values[-1] - accepted.values[0]
        gained = fit(series).slope * minutes * (MEGABYTE if expectation.unit == "MB" else 1)
        each = round(gained / messages, 3) if messages else None
    return {
        "expected": expectation.kind,
        "unit": expectation.unit,
        "offence": _offence(series, expectation),
        "at_minutes": {at: None if value is None else round(value, 2) for at, value in values.items()},
        "mean": round(fmean(series.warm.values), 2),
        "line_per_hour": round(line.slope * 60, 2),
        "line": [round(line.at(minute), 3) for minute in (line.x0, minutes)],
        "each_message": each,
        "minutes": [round(at, 2) for at in series.xs],
        "values": [round(value, 3) for value in series.values],
    }


def _offence(series: Series, expectation: Expectation) -> str:
    if expectation.kind == "bounded" and max(series.values) > expectation.most:
        return f"it was {max(series.values):.0f} {expectation.unit}, and may be {expectation.most:g}"
    if expectation.kind == "flat" and grows(series, expectation.floor):
        return f"its line grows by {fit(series.warm).slope * 60:.2f} {expectation.unit} an hour"
    return ""


def _minutes(samples: Sequence[Sample], begin: Sample) -> tuple[float, ...]:
    return tuple((sample.at - begin.at) / 60 for sample in samples)


def _sampled(samples: Sequence[Sample], begin: Sample) -> dict[str, Series]:
    """What stands in the samples; a table that comes later was not there before."""
    names = {name for sample in samples for name in sample.series}
    minutes = _minutes(samples, begin)
    return {name: Series(minutes, tuple(sample.series.get(name, 0.0) for sample in samples)) for name in names}


def _latencies(outcome: Outcome, samples: Sequence[Sample]) -> dict[str, Series]:
    """Percentiles of each window between two samples; messages count for the window they were meant to be sent in."""
    edges = [sample.at - samples[0].at for sample in samples]
    waits = {"accept_ms": _spread(_accepts(outcome), edges), "accept_to_graph_ms": _spread(_arrivals(outcome), edges)}
    found: dict[str, Series] = {}
    for name, windows in waits.items():
        for percent in PERCENTS:
            points = [(edge / 60, percentile(seen, percent)) for edge, seen in zip(edges[1:], windows, strict=True)]
            found[f"{name}.p{percent}"] = _series((at, value and value * 1_000) for at, value in points)
    for percent in PERCENTS:
        acks = [after.acks.since(before.acks) for before, after in pairwise(samples)]
        values = [histogram_percentile(one.bounds_ms, one.counts, percent) for one in acks]
        ends = (edge / 60 for edge in edges[1:])
        found[f"webhook_ack_ms.p{percent}"] = _series(zip(ends, values, strict=True))
    return found


def _series(points: Iterable[tuple[float, float | None]]) -> Series:
    kept = [(at, value) for at, value in points if value is not None]
    return Series(tuple(at for at, _ in kept), tuple(value for _, value in kept))


def _accepts(outcome: Outcome) -> Iterator[tuple[float, float]]:
    """(seconds after the window's begin, seconds it took)."""
    warm_up, sent = outcome.schedule.warm_up_seconds, outcome.sent
    return ((offset - warm_up, took) for offset, took in zip(sent.offsets, sent.seconds, strict=True))


def _arrivals(outcome: Outcome) -> Iterator[tuple[float, float]]:
    warm_up, sent = outcome.schedule.warm_up_seconds, outcome.sent
    first = {send.message_id: send.at for send in reversed(outcome.meta.sends)}
    for message_id, offset, answered_at in zip(sent.ids, sent.offsets, sent.answered_at, strict=True):
        if message_id in first:
            yield offset - warm_up, first[message_id] - answered_at


def _spread(waits: Iterator[tuple[float, float]], edges: Sequence[float]) -> list[list[float]]:
    """By window: `edges` are their ends, the first one is the begin of the first."""
    windows: list[list[float]] = [[] for _ in edges[1:]]
    for at, took in waits:
        place = bisect_right(edges, at) - 1
        if 0 <= place < len(windows):
            windows[place].append(took)
    return windows
