"""All checks over one round's evidence, and what came of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.judge import callbacks, money, order, sending, settlement, states, stops, walls
from tests.chaos.judge.evidence import Evidence, read
from tests.chaos.judge.history import history
from tests.chaos.judge.offences import KINDS, TOLERATED, Offence
from tests.chaos.judge.records import Records

CHECKS: tuple[Callable[[Records], Iterable[Offence]], ...] = (
    settlement.check, sending.check, money.check, stops.check, callbacks.check, walls.check, order.check, states.check,
)  # fmt: skip
HISTORIES_MAX = 5  # of a kind: a broken stack offends thousands of times in the same way


@dataclass(frozen=True)
class Report:
    """`counts` has every kind; `accepted`, `sent` and `told` show how much there was to judge; money in micro-units."""

    evidence: Evidence
    offences: list[Offence]
    accepted: int
    sent: int
    told: int
    ledger_sum: int

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(one.kind for one in self.offences)
        return {kind: found[kind] for kind in KINDS}

    @property
    def is_clean(self) -> bool:
        """Something was judged, and no promise is broken."""
        return self.accepted > 0 and not {one.kind for one in self.offences} - TOLERATED

    def __str__(self) -> str:
        return "\n".join([*self._table(), *self._stories()])

    def _table(self) -> Iterator[str]:
        yield f"{self.accepted} messages were answered 200, Meta took {self.sent}, tenants were told {self.told} facts"
        for kind, count in self.counts.items():
            yield f"{count:>8}  {kind:<24}{KINDS[kind] if count else ''}".rstrip()
        yield f"{self.ledger_sum:>8}  micro-units are missing from the books, or too many"

    def _stories(self) -> Iterator[str]:
        told: Counter[str] = Counter()
        for number, one in enumerate(self.offences, start=1):
            told[one.kind] += 1
            if told[one.kind] <= HISTORIES_MAX:
                about = one.message_id or one.person or one.tenant
                yield f"\n{number}. {one.kind}: {about} ({one.tenant}): {one.what}"
                yield from history(self.evidence, one)
        untold = sum(max(0, count - HISTORIES_MAX) for count in told.values())
        if untold:
            yield f"\n... and {untold} more"


def judge(directory: Path) -> Report:
    """Read one round's evidence and weigh it; raises OSError or ValueError where it is not whole."""
    return weigh(read(directory))


def weigh(evidence: Evidence) -> Report:
    records = Records(evidence)
    return Report(
        evidence=evidence,
        offences=list(_once(one for check in CHECKS for one in check(records))),
        accepted=len(records.asked),
        sent=sum(len(records.taken(message_id)) for message_id in records.message_ids()),
        told=len({(one.tenant, one.event_id) for one in records.received}),
        ledger_sum=money.missing_micros(records),
    )


def _once(offences: Iterable[Offence]) -> Iterator[Offence]:
    """Each kind once for each message, person or tenant."""
    seen = set()
    for one in offences:
        name = (one.kind, one.message_id, None if one.message_id else (one.person, one.tenant))
        if name not in seen:
            seen.add(name)
            yield one
