"""What each series of a soak is expected to do: stay flat, stay below a bound, or grow with the messages."""

from typing import Literal, NamedTuple

from tests.bench.figures import Floor
from tests.bench.processes import MEGABYTE

Kind = Literal["flat", "bounded", "grows with messages", "outside"]

MEMORY_FLOOR = Floor(absolute=16, share=0.1)  # MB of what a process has for itself
POSTGRES_FLOOR = Floor(absolute=96, share=0.25)  # MB of some sixty backends, each with its own caches
UNITS = {"rows": "rows", "bytes": "MB"}
WAL_MB_MAX = 2_560  # max_wal_size of the local stack and a quarter, for checkpoints end late
KAFKA_MB_MAX = 640  # a heap of 384 MB that fills to its cap whatever happens, its stacks and its code
QUEUE_SECONDS, QUEUE_FLOOR_MIN, QUEUE_SHARE = 0.5, 50, 0.5  # half a second's traffic more or less is no growth
LATENCY_FLOOR = Floor(absolute=30, share=0.5)  # ms of medians; of the slowest hundredth four times as much
SLOWEST = 4
ROWS_FLOOR = Floor(absolute=1_000, share=0.2)
BYTES_FLOOR = Floor(absolute=8, share=0.25)  # MB: pages that wait for the next vacuum

# Kept by days, and so as long within a day as its messages are many; the days that are over are dropped.
BY_MESSAGES = frozenset({
    "gateway.messages", "gateway.message_bodies", "gateway.message_wamids", "gateway.callback_log",
    "gateway.callback_told", "consent.decisions",
    "billing.reservations", "billing.transfers",  # the books are kept
})  # fmt: skip
# With what people write and what staff and tenants do; the load has little of it, and prints what it is.
BY_ACTS = frozenset({"gateway.inbound_messages", "gateway.callback_attempts", "consent.stops"})
# Kept for an hour after the last message to a person: as many as there are people at most.
PAIRS, PAIR_BYTES_MAX = "gateway.pairs", 250
# What a simulated Meta has not told yet is none of Vestnik's queues.
OUTSIDE = frozenset({"sandbox.pending"})


class Expectation(NamedTuple):
    """`floor` is for flat series, `most` for bounded ones."""

    kind: Kind
    unit: str
    floor: Floor = Floor(0, 0)
    most: float = 0.0


def expected(name: str, *, rate: float, persons: int) -> Expectation:
    """The expectation for a series by its name: memory.*, rows.*, bytes.*, disk.*, lag.*, *_ms.p50 and queues."""
    family, _, rest = name.partition(".")
    if family in ("rows", "bytes"):
        return _pairs(family, persons) if rest == PAIRS else _table(family, rest)
    if family == "memory":
        return _memory(rest)
    if family == "disk":
        return Expectation("grows with messages", "MB") if rest == "kafka" else _bounded("MB", WAL_MB_MAX)
    return _wait(rest) if family.endswith("_ms") else _queue(name, rate)


def _memory(process: str) -> Expectation:
    if process == "kafka":
        return _bounded("MB", KAFKA_MB_MAX)
    return Expectation("flat", "MB", POSTGRES_FLOOR if process == "postgres" else MEMORY_FLOOR)


def _table(family: str, table: str) -> Expectation:
    if table in BY_MESSAGES or table in BY_ACTS:
        return Expectation("grows with messages", UNITS[family])
    return Expectation("flat", UNITS[family], BYTES_FLOOR if family == "bytes" else ROWS_FLOOR)


def _pairs(family: str, persons: int) -> Expectation:
    most = persons if family == "rows" else 1 + persons * PAIR_BYTES_MAX / MEGABYTE
    return _bounded(UNITS[family], most)


def _wait(percentile: str) -> Expectation:
    floor = LATENCY_FLOOR if percentile == "p50" else LATENCY_FLOOR._replace(absolute=SLOWEST * LATENCY_FLOOR.absolute)
    return Expectation("flat", "ms", floor)


def _queue(name: str, rate: float) -> Expectation:
    if name in OUTSIDE:
        return Expectation("outside", "")
    return Expectation("flat", "", Floor(max(QUEUE_FLOOR_MIN, QUEUE_SECONDS * rate), QUEUE_SHARE))


def _bounded(unit: str, most: float) -> Expectation:
    return Expectation("bounded", unit, most=most)
