"""Everything that the evidence says about one offence, in the order of time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tests.chaos.judge.evidence import Evidence, Row, digits, seconds
from tests.chaos.judge.offences import Offence

LINES_MAX = 60
CONSENT = ("withdrawn", "consented", "wrote")


class Line(NamedTuple):
    at: float
    source: str
    row: Row


def history(evidence: Evidence, offence: Offence) -> Iterator[str]:
    """One line of text for each line of evidence, with seconds since the first; the API's words come last."""
    lines = sorted(_about(evidence, offence), key=lambda line: line.at)
    lines = sorted([*lines, *_faults(evidence, lines)], key=lambda line: line.at)
    first = lines[0].at if lines else 0.0
    for line in lines[:LINES_MAX]:
        yield f"    {_clock(line.at)} {line.at - first:+9.3f} s  {line.source:<10}{_text(line.row)}"
    if len(lines) > LINES_MAX:
        yield f"    ... and {len(lines) - LINES_MAX} lines more"
    for row in evidence.api:
        yield from (f"    at the end{'':<16}api       {_text(one)}" for one in _answers(row, offence))


def _about(evidence: Evidence, offence: Offence) -> Iterator[Line]:
    tries, people = _tries(evidence, offence), _people(evidence, offence)
    for row in evidence.clients:
        is_consent = row["kind"] in CONSENT and (row["tenant"], digits(row["to"])) in people
        if row.get("try") in tries or is_consent:
            yield Line(row["at"], "client", row)
    for row in _sends(evidence, offence):
        yield Line(seconds(row["at"]), "meta", row)
    for row in evidence.callbacks:
        if _tells(row, offence):
            yield Line(row["at"], "callback", row)


def _tries(evidence: Evidence, offence: Offence) -> set[int]:
    """Those that were answered with this message and all others under the same keys; else all to the same person."""
    if not offence.message_ids:
        return set()
    answered = {row["try"] for row in evidence.clients if row.get("message_id") in offence.message_ids}
    posted = [row for row in evidence.clients if row["kind"] == "posted"]
    keys = {(row["tenant"], row["key"]) for row in posted if row["try"] in answered and row["key"] is not None}
    to_person = () if answered else _people(evidence, offence)
    return answered | {
        row["try"]
        for row in posted
        if (row["tenant"], row["key"]) in keys or (row["tenant"], digits(row["to"])) in to_person
    }


def _people(evidence: Evidence, offence: Offence) -> set[tuple[str | None, str]]:
    """The person it is about, whose wishes belong to the story."""
    if offence.person:
        return {(offence.tenant, offence.person)}
    return {(offence.tenant, digits(row["to"])) for row in _sends(evidence, offence)}


def _sends(evidence: Evidence, offence: Offence) -> Iterator[Row]:
    yield from (row for row in evidence.sends if row["biz_opaque_callback_data"] in offence.message_ids)


def _tells(row: Row, offence: Offence) -> bool:
    value = row.get("value") or {}
    told, written = value.get("statuses", ()), value.get("messages", ())
    if any(one["id"] in offence.message_ids for one in (*told, *written)):
        return True
    is_person = offence.person is not None and row["tenant"] == offence.tenant
    return is_person and any(digits(one.get("from", "")) == offence.person for one in written)


def _faults(evidence: Evidence, lines: list[Line]) -> Iterator[Line]:
    """What struck while it happened."""
    if lines:
        for row in evidence.faults:
            if row["from"] <= lines[-1].at and row["to"] >= lines[0].at:
                yield Line(row["from"], "fault", row)


def _answers(row: Row, offence: Offence) -> Iterator[Row]:
    if row["kind"] == "charges":
        yield from (item for item in row["items"] if item["message_id"] in offence.message_ids)
    elif row["kind"] == "message":
        yield from [row] if row["id"] in offence.message_ids else []
    elif offence.kind == "ledger" and row["tenant"] == offence.tenant:
        yield row


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _text(row: Row) -> str:
    return json.dumps({key: one for key, one in row.items() if key != "at"}, ensure_ascii=False)
