"""A campaign: rounds of a few faults each, kept with their commits, and added up to latest.json."""

import json
import shutil
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.plan import plan
from tests.chaos.rounds import Tell, run_round

ROUND_FAULTS = 20
Row = dict[str, Any]


def run(directory: Path, *, seed: int, faults: int, first: int, rate: float, tell: Tell) -> Row:
    """Faults `first` to `faults` in rounds; latest.json is written after each, the sum of all rounds of the seed."""
    forget(directory, seed=seed, first=first)
    for begin, end in _parts(first, faults):
        place = _round(directory, seed, begin)
        drawn = plan(seed=seed, faults=end, first=begin)
        record, report = run_round(directory / "stack", place, drawn, seed=seed, rate=rate, tell=tell)
        _write(place / "round.json", record)
        tell(str(report))
        if report.is_clean:
            _thin(place)
        _write(directory / "latest.json", add_up(kept(directory), seed=seed))
    return add_up(kept(directory), seed=seed)


def _parts(first: int, last: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, last + 1, ROUND_FAULTS):
        yield begin, min(begin + ROUND_FAULTS - 1, last)


def _round(directory: Path, seed: int, first: int) -> Path:
    return directory / "rounds" / f"{seed}-{first:04d}"


def kept(directory: Path) -> list[Row]:
    """The records of all rounds of all seeds, by seed and fault."""
    found = [json.loads(path.read_text()) for path in (directory / "rounds").glob("*/round.json")]
    return sorted(found, key=lambda record: (record["seed"], record["first"]))


def forget(directory: Path, *, seed: int, first: int) -> None:
    """Rounds of the seed that reach `first` or lie behind it are run anew."""
    for record in kept(directory):
        if record["seed"] == seed and record["last"] >= first:
            shutil.rmtree(_round(directory, seed, record["first"]))


def _thin(place: Path) -> None:
    """Of a clean round its record, its faults and its logs (it may have been slow) are worth their place."""
    for path in place.iterdir():
        if path.name not in ("round.json", "faults.jsonl", "log"):
            path.unlink()


def add_up(records: Sequence[Row], *, seed: int) -> Row:
    """latest.json: the rounds of this seed; under `campaign` those of all seeds."""
    own = [record for record in records if record["seed"] == seed]
    return {
        "commit": own[-1]["commit"],
        "seed": seed,
        **_sums(own),
        "rounds": own,
        "campaign": {"seeds": sorted({record["seed"] for record in records}), **_sums(records)},
    }


def _sums(records: Sequence[Row]) -> Row:
    offences: Counter[str] = Counter()
    for record in records:
        offences.update(record["offences"])
    recovery = [seconds for record in records for seconds in record["recovery_seconds"]]
    return {
        "faults": sum(record["faults"] for record in records),
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "accepted": sum(record["accepted"] for record in records),
        **offences,
        "ledger_sum": sum(record["ledger_sum"] for record in records),
        "recovery_seconds": {"p50": round(statistics.median(recovery), 1), "max": round(max(recovery), 1)},
        "commits": sorted({record["commit"] for record in records}),
    }


def _write(path: Path, document: Row) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=1))
    fresh.rename(path)
