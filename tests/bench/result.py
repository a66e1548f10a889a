"""Turns what was seen into the figures of `interfaces.md`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench import counting
from tests.bench.connections import CONNECTIONS_MAX
from tests.bench.counting import SendRow
from tests.bench.figures import Floor, grows, histogram_percentile, levels, milliseconds, share_over
from tests.bench.load import Outcome
from tests.bench.population import LARGE_PER_SECOND, REPLY_SHARE, SMALL_PER_SECOND, Shop
from tests.bench.sampler import Sample
from tests.bench.seeding import Tenant

# The calibration loop on the machine where the costs were measured that the goals come from.
REFERENCE_NS = 33.0
LIMIT_MS = 250.0  # Meta wants the webhook's median below it
# Only what a process has for itself. Heaps and caches settle in the first minutes; Kafka's heap is capped and fills to
# its cap whatever happens.
MEMORY_FLOOR = Floor(absolute=24, share=0.1)  # MB
# Some sixty backends, each of which fills its own caches of catalogue and plans.
POSTGRES_FLOOR = Floor(absolute=128, share=0.3)  # MB
CAPPED = ("memory.kafka",)
# A queue holds what is under way: half a second's traffic more or less is no growth.
QUEUE_SECONDS, QUEUE_FLOOR_MIN, QUEUE_SHARE = 0.5, 50, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the run was made of."""

    rate: float
    tenants: list[Tenant]
    calibration_ns: float
    latency_ms: int
    restarts: int
    calibration_after_ns: float = 0.0
    ceilings: Mapping[str, Any] = field(default_factory=dict)


def build(outcome: Outcome, setting: Setting, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document; the keys of `interfaces.md` first, then what helps to read them."""
    begin, end = outcome.window
    seconds = end.at - begin.at
    sends = [send for send in outcome.meta.sends if send.went_out]
    inside = sum(begin.wall <= send.at < end.wall for send in sends)
    unsettled = counting.unsettled(outcome.sent.ids, outcome.told.statuses)
    lost = counting.lost(unsettled, outcome.states)
    growth = growing(outcome.samples, begin.at, setting.rate)
    cpu = _cpu(begin.cpu, end.cpu, inside)
    return {
        "offered": setting.rate,
        "messages_per_second": round(inside / seconds, 1),
        "webhooks_per_second": round((end.updates - begin.updates) / seconds, 1),
        "callbacks_per_second": round(_within(outcome.told.arrivals, begin.wall, end.wall) / seconds, 1),
        "seconds": round(seconds, 1),
        "accept_ms": milliseconds(_window_seconds(outcome)),
        "accept_to_graph_ms": milliseconds(_to_graph(outcome)),
        "webhook_ack_ms": _acks(begin, end),
        "cpu_us_per_message": cpu,
        "memory_mb": _memory(outcome.samples),
        "backlog": {"start": begin.backlog, "end": end.backlog},
        "growing": list(growth),
        "ceilings": {**setting.ceilings, **bounds([tenant.shop for tenant in setting.tenants], setting.latency_ms)},
        "calibration_ns": setting.calibration_ns,
        "calibration_after_ns": setting.calibration_after_ns,
        "lost": len(lost),
        "double_sent": counting.double_sent(outcome.meta.sends),
        "ledger_sum": ledger["sum"],
        "cpu_us_per_message_at_reference": _at_reference(cpu["total"], setting),
        "grew": growth,
        "lost_ids": lost[:20],
        "unsettled_by_callbacks": len(unsettled),
        "ledger": dict(ledger),
        **_more(outcome, setting, seconds),
    }


def _more(outcome: Outcome, setting: Setting, seconds: float) -> dict[str, Any]:
    begin, end = outcome.window
    told, sent = outcome.told, outcome.sent
    return {
        "answers": dict(sent.answers),
        "accepted": len(sent.ids),
        "foreign_sends": counting.foreign(outcome.meta.sends, set(sent.ids)),
        "callbacks_missing": counting.callbacks_missing(outcome.meta.sends, told.statuses),
        "callbacks_repeated": told.repeated_facts,
        "callback_posts": told.posts,
        "failures_told": sum(bool(bits & counting.BITS["failed"]) for bits in told.statuses.values()),
        "webhook_posts_per_second": round((end.webhook_posts - begin.webhook_posts) / seconds, 1),
        "settled_after_seconds": round(outcome.settled_after_seconds, 1),
        "queues_at_end": {name: value for name, value in end.series.items() if not name.startswith("memory.")},
        "harness_cores": _cores(begin.harness_cpu, end.harness_cpu, seconds),
        "generator_late_ms": milliseconds(sent.lateness, (50, 99, 100)),
        "other_cores": _elsewhere(begin, end, seconds),
        "idle_cores": round((end.machine["idle"] - begin.machine["idle"]) / seconds, 2),
        "steal_cores": round((end.machine["steal"] - begin.machine["steal"]) / seconds, 2),
        "cores": os.cpu_count() or 1,
        "tenants": len(setting.tenants),
        "numbers": sum(len(tenant.shop.numbers) for tenant in setting.tenants),
        "persons": sum(tenant.shop.persons for tenant in setting.tenants),
        "restarts": setting.restarts,
    }


def _window_seconds(outcome: Outcome) -> list[float]:
    """Answer times of the messages that were meant to be sent in the window."""
    first = outcome.schedule.warm_up_seconds
    pairs = zip(outcome.sent.offsets, outcome.sent.seconds, strict=True)
    return [seconds for offset, seconds in pairs if offset >= first]


def _to_graph(outcome: Outcome) -> list[float]:
    """From our answer to the arrival at Graph, for the messages of the window; the first arrival counts."""
    first, arrived = outcome.schedule.warm_up_seconds, _first_arrivals(outcome.meta.sends)
    rows = zip(outcome.sent.ids, outcome.sent.offsets, outcome.sent.answered_at, strict=True)
    return [
        arrived[message_id] - answered_at
        for message_id, offset, answered_at in rows
        if offset >= first and message_id in arrived
    ]


def _first_arrivals(sends: Sequence[SendRow]) -> dict[str, float]:
    return {send.message_id: send.at for send in reversed(sends)}


def _within(times: Sequence[float], begin: float, end: float) -> int:
    return sum(begin <= at < end for at in times)


def _acks(begin: Sample, end: Sample) -> dict[str, float | None]:
    acks = end.acks.since(begin.acks)
    bounds, counts = acks.bounds_ms, acks.counts
    found = {f"p{percent}": histogram_percentile(bounds, counts, percent) for percent in (50, 99)}
    over = share_over(bounds, counts, LIMIT_MS)
    rounded = {name: None if value is None else round(value, 1) for name, value in found.items()}
    return rounded | {"share_over_250": None if over is None else round(over, 5)}


def _cpu(begin: Mapping[str, float], end: Mapping[str, float], messages: int) -> dict[str, Any]:
    used = {name: max(0.0, end[name] - begin.get(name, 0.0)) for name in end}
    each = {name: round(seconds * 1e6 / messages) if messages else None for name, seconds in sorted(used.items())}
    return {"total": round(sum(used.values()) * 1e6 / messages) if messages else None, "by_process": each}


def _at_reference(micros: int | None, setting: Setting) -> int | None:
    """What the same work would take on the machine that the goals were set on."""
    speeds = [one for one in (setting.calibration_ns, setting.calibration_after_ns) if one]
    return round(micros * REFERENCE_NS * len(speeds) / sum(speeds)) if micros and speeds else None


def _cores(begin: Mapping[str, float], end: Mapping[str, float], seconds: float) -> dict[str, float]:
    return {name: round((end[name] - begin.get(name, 0.0)) / seconds, 2) for name in sorted(end)}


def _elsewhere(begin: Sample, end: Sample, seconds: float) -> float:
    """What other programs on this machine used: with much of it the figures say little."""
    ours = sum({**_cores(begin.cpu, end.cpu, seconds), **_cores(begin.harness_cpu, end.harness_cpu, seconds)}.values())
    gone = sum(end.machine[name] - begin.machine[name] for name in ("idle", "steal")) / seconds
    return round(max(0.0, (os.cpu_count() or 1) - gone - ours), 2)


def _memory(samples: Sequence[Sample]) -> dict[str, int]:
    names = sorted({name for sample in samples for name in sample.memory})
    return {name: round(max(sample.memory.get(name, 0.0) for sample in samples)) for name in names}


def growing(samples: Sequence[Sample], begin: float, rate: float) -> dict[str, dict[str, float]]:
    """The series that grew steadily in the window (`figures.grows`): the medians of their first and last quarters."""
    inside = [sample.series for sample in samples if sample.at >= begin]
    names = sorted({name for series in inside for name in series} - set(CAPPED))
    found = {name: [series.get(name, 0.0) for series in inside] for name in names}
    return {
        name: {"from": round(levels(values)[0]), "to": round(levels(values)[-1])}
        for name, values in found.items()
        if grows(values, _floor(name, rate))
    }


def _floor(name: str, rate: float) -> Floor:
    if name == "memory.postgres":
        return POSTGRES_FLOOR
    if name.startswith("memory."):
        return MEMORY_FLOOR
    return Floor(max(QUEUE_FLOOR_MIN, QUEUE_SECONDS * rate), QUEUE_SHARE)


def bounds(shops: Sequence[Shop], latency_ms: int) -> dict[str, Any]:
    """Limits of the load itself that a run can meet before Vestnik's own."""
    large, small = shops[0], shops[-1]
    return {
        "large_tenants_numbers_full_at_messages_per_second": round(len(large.numbers) * LARGE_PER_SECOND / large.share),
        "small_tenants_numbers_full_at_messages_per_second": round(len(small.numbers) * SMALL_PER_SECOND / small.share),
        "upstream_latency_ms": latency_ms,
        "generator_connections": CONNECTIONS_MAX,
        "reply_share": REPLY_SHARE,
        "note": "generator, sandbox and receivers share the cores with Vestnik; loopback, no TLS; one broker, one disk",
    }
