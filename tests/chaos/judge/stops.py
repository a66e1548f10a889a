"""After a person has taken the consent back nothing goes out, until the person or a new consent allows it again."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.judge.evidence import Row, digits
from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Person, Records, sent_at, sent_to
from tests.chaos.judge.told import Told
from tests.chaos.judge.unasked import explain, form_of, is_start

# A call may begin until a second after the question that came before the withdrawal (architecture, promise 4).
CALL_WITHIN_SECONDS = 1.0
# What lifts a stop works from before its line was written.
LATE_LINE_SECONDS = 2.0
# Bytes that waited in a frozen worker or link arrive after its end.
THAW_SECONDS = 2.0


@dataclass
class Will:
    """What a person wanted, as moments: `stops` are (said, known to the tenant)."""

    stops: list[tuple[float, float]] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    wrote: list[float] = field(default_factory=list)

    def stop_before(self, at: float, form: str) -> tuple[float, float] | None:
        """The stop that forbids a send at this moment. A person who writes again wants an answer, but no mailing."""
        lifts = self.restarts if form == "template" else [*self.restarts, *self.wrote]
        for said, known in self.stops:
            is_lifted = any(said < one <= at + LATE_LINE_SECONDS for one in lifts)
            if known + CALL_WITHIN_SECONDS < at and not is_lifted:
                return said, known
        return None


def check(records: Records) -> Iterator[Offence]:
    """Only Vestnik's own answer to a STOP may follow it."""
    wills, explained = _wills(records), explain(records)
    for message_id in records.message_ids():
        tenant = records.owner(message_id) or ""
        for row in records.taken(message_id):
            will = wills.get((tenant, sent_to(row)))
            stop = will.stop_before(sent_at(row), form_of(row)) if will else None
            if stop and explained.get(message_id) != "confirmation":
                is_late = _stood_still(records, stop[1], sent_at(row)) or _left_in_time(records, row, stop[1])
                kind = "sent_after_stop_frozen" if is_late else "sent_after_stop"
                what = f"{sent_at(row) - stop[1]:.2f} s after the tenant knew of the stop"
                yield Offence(kind, tenant, what, message_id, sent_to(row))


def _stood_still(records: Records, since: float, until: float) -> bool:
    """A fault held up a worker or its link to Meta: who was slow by itself has no excuse."""
    faults = [row for row in records.evidence.faults if row["froze_meta"]]
    return any(row["from"] <= until and row["to"] + THAW_SECONDS >= since for row in faults)


def _left_in_time(records: Records, row: Row, known: float) -> bool:
    """The link to Meta heard the request begin within the second: what was late is its way there, or Meta's clock."""
    left = [at for at in records.left[row["biz_opaque_callback_data"]] if at <= sent_at(row)]
    return bool(left) and max(left) <= known + CALL_WITHIN_SECONDS


def _wills(records: Records) -> dict[Person, Will]:
    wills: dict[Person, Will] = defaultdict(Will)
    for row in records.evidence.clients:
        if row["kind"] not in ("withdrawn", "consented", "wrote"):
            continue
        will = wills[row["tenant"], digits(row["to"])]
        asked: float = row.get("asked") or row["at"]
        if row["kind"] == "withdrawn":
            will.stops.append((asked, row["at"]))
        elif row["kind"] == "consented" or is_start(row):
            will.restarts.append(asked)
        if row["kind"] == "wrote":
            will.wrote.append(row["at"])
    for row, told in _told_stops(records):
        wills[row["tenant"], digits(row["to"])].stops.append((row["at"], told.at))
    return wills


def _told_stops(records: Records) -> Iterator[tuple[Row, Told]]:
    """Each STOP with the first callback that told it: the n-th of these words is the n-th callback with them."""
    written: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    told: dict[tuple[str, ...], dict[str, Told]] = defaultdict(dict)
    for row in records.evidence.clients:
        if row["kind"] == "wrote" and row["is_stop"]:
            written[row["tenant"], digits(row["to"]), row["number"], row["text"]].append(row)
    for one in records.received:
        told[one.tenant, one.person, one.number or "", one.text or ""].setdefault(one.event_id, one)
    for words, rows in written.items():
        yield from zip(rows, _by_time_of_meta(told[words]), strict=False)


def _by_time_of_meta(told: dict[str, Told]) -> list[Told]:
    def moment(one: Told) -> tuple[int, int]:
        return int(one.value["messages"][0].get("timestamp", 0)), one.place

    return sorted(told.values(), key=moment)
