"""What an outage showed: every answer by the second, what became of the messages, and what broke a promise."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import counting
from tests.bench.figures import milliseconds
from tests.bench.generator import Sent
from tests.bench.meta import Meta
from tests.bench.receivers import Told
from tests.bench.run import WARM_UP_SECONDS
from tests.bench.schedule import Schedule
from tests.soak.probes import Answer, Prober, summary

PHASES = ("before", "down", "after")
DOCUMENTED = {"200", "503"}
BEFORE_SECONDS, AFTER_SECONDS = 30.0, 150.0
GONE_SECONDS = 300.0  # the backlog is gone within this after the outage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asked for."""

    directory: Path
    what: str
    minutes: float
    rate: float

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.rate, BEFORE_SECONDS + self.minutes * 60 + AFTER_SECONDS, WARM_UP_SECONDS)


@dataclass
class Seen:
    """Everything that the result is made of; times are monotonic."""

    start: float
    down_at: float = 0.0
    up_at: float = 0.0  # asked to start again
    answering_at: float = 0.0
    back_at: float | None = None  # the backlog is what it was
    level: float = 0.0  # the most that was left before
    peak: float = 0.0
    restarts: Counter[str] = field(default_factory=Counter)
    settled_seconds: float = 0.0
    still_refused: int = 0


def result(
    wish: Wish, seen: Seen, sent: Sent, told: Told, *, meta: Meta, prober: Prober, states: Mapping[str, str],
    books: Mapping[str, Any], heard: int,
) -> dict[str, Any]:  # fmt: skip
    """The whole document."""
    accepted = [*sent.ids, *prober.ids]
    found = {
        "what": wish.what,
        "minutes": wish.minutes,
        "rate": wish.rate,
        "accepted": len(accepted),
        "sends": _by_phase(seen, sent),
        "send_probes": {name: summary(those) for name, those in _split(seen, prober.sends).items()},
        "webhook_probes": {name: summary(those) for name, those in _split(seen, prober.webhooks).items()},
        "without_retry_after": sent.without_retry_after + _silent(prober.sends),
        "probes_refused_for_good": seen.still_refused,
        "down_seconds": round(seen.up_at - seen.down_at, 1),
        "answering_after_seconds": round(seen.answering_at - seen.up_at, 1),
        "backlog": {"before": seen.level, "peak": seen.peak},
        "backlog_gone_after_seconds": None if seen.back_at is None else round(seen.back_at - seen.up_at, 1),
        "settled_after_seconds": round(seen.settled_seconds, 1),
        "restarts": dict(seen.restarts),
        **_became(accepted, told, meta, states),
        "people_unheard": prober.wrote + 1 - heard,  # and the repeated webhook, once
        "ledger": dict(books),
        "seconds": _seconds(seen, sent),
    }
    return found | {"problems": problems(found)}


def problems(found: Mapping[str, Any]) -> list[str]:
    """What was promised and did not hold."""
    seen = {status for phase in found["sends"].values() for status in phase["statuses"]}
    for probes in ("send_probes", "webhook_probes"):
        seen |= {status for phase in found[probes].values() for status in phase["statuses"]}
    odd = [f"a door answered {status}" for status in sorted(seen - DOCUMENTED)]
    none = ("without_retry_after", "probes_refused_for_good", "lost", "double_sent", "callbacks_missing",
            "people_unheard")  # fmt: skip
    broken = [f"{name}: {found[name]}" for name in none if found[name]]
    money = [f"ledger: {name} {found['ledger'][name]}" for name in ("sum", "wrong_balances") if found["ledger"][name]]
    late = [] if found["backlog_gone_after_seconds"] is not None else ["the backlog was not gone within 5 minutes"]
    return [*odd, *broken, *money, *late]


def _became(accepted: Sequence[str], told: Told, meta: Meta, states: Mapping[str, str]) -> dict[str, Any]:
    """Foreign sends: a 503 says that we do not know; what was refused so may have gone out."""
    lost = counting.lost(counting.unsettled(accepted, told.statuses), states)
    return {
        "lost": len(lost),
        "lost_ids": lost[:20],
        "double_sent": counting.double_sent(meta.sends),
        "foreign_sends": counting.foreign(meta.sends, set(accepted)),
        "callbacks_missing": counting.callbacks_missing(meta.sends, told.statuses),
        "callbacks_repeated": told.repeated_facts,
    }


def _phase(seen: Seen, at: float) -> str:
    return PHASES[(at >= seen.down_at) + (at >= seen.up_at)]


def _phase_of_second(seen: Seen, second: int) -> str:
    """Of a refusal, whose moment is known to the second: of two phases in one second it is the outage's."""
    first, last = _phase(seen, seen.start + second), _phase(seen, seen.start + second + 1)
    return "down" if "down" in (first, last) else first


def _split(seen: Seen, answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {name: [] for name in PHASES}
    for one in answers:
        found[_phase(seen, one.at)].append(one)
    return found


def _silent(answers: Sequence[Answer]) -> int:
    return sum(one.status == "503" and not one.says_when for one in answers)


def _by_phase(seen: Seen, sent: Sent) -> dict[str, Any]:
    """The generator's answers by when the message was meant to be sent; times are those of the accepted ones."""
    statuses: dict[str, Counter[str]] = {name: Counter() for name in PHASES}
    seconds: dict[str, list[float]] = defaultdict(list)
    for offset, took in zip(sent.offsets, sent.seconds, strict=True):
        name = _phase(seen, seen.start + offset)
        statuses[name]["200"] += 1
        seconds[name].append(took)
    for (second, status), count in sent.refused.items():
        statuses[_phase_of_second(seen, second)][status] += count
    return {name: {"statuses": dict(statuses[name]), "accepted_ms": milliseconds(seconds[name])} for name in PHASES}


def _seconds(seen: Seen, sent: Sent) -> list[dict[str, Any]]:
    """Each answer by the second its message was meant to be sent in; `second` counts from the outage's begin."""
    by_second: dict[int, Counter[str]] = defaultdict(Counter)
    for offset in sent.offsets:
        by_second[int(offset)]["200"] += 1
    for (second, status), count in sent.refused.items():
        by_second[second][status] += count
    begin = round(seen.down_at - seen.start)
    return [{"second": second - begin, **by_second[second]} for second in sorted(by_second)]


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Answers by phase, then what became of everything."""
    title = f"{found['what']} down for {found['minutes']:g} minutes under {found['rate']:g} messages/s"
    table = Table("", *PHASES, title=title)
    for name in ("sends", "send_probes", "webhook_probes"):
        table.add_row(name.replace("_", " "), *(_cell(found[name][phase]) for phase in PHASES))
    console.print(table)
    for name in ("accepted", "lost", "double_sent", "foreign_sends", "callbacks_missing", "people_unheard", "backlog",
                 "answering_after_seconds", "backlog_gone_after_seconds", "restarts"):  # fmt: skip
        console.print(f"  {name.replace('_', ' '):28s}{found[name]}", highlight=False)
    for problem in found["problems"]:
        console.print(f"[red]✗[/] {problem}", highlight=False)


def _cell(phase: Mapping[str, Any]) -> str:
    times = phase.get("ms") or phase["accepted_ms"]
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(phase["statuses"].items()))
    return f"{statuses}\np50 {times['p50']} ms, p99 {times['p99']} ms"
