"""Which sends nobody was given the id of, and what may explain them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from tests.chaos.judge.evidence import Row, digits
from tests.chaos.judge.records import Person, Records, sent_at, sent_to

# The line is written when the sandbox has answered, and a busy client may write it late.
LATE_LINE_SECONDS = 2.0
START_WORDS = frozenset({"start", "unstop", "старт", "подписаться", "подписка", "возобновить рассылку"})
Why = Literal["confirmation", "open post"]


class _Reason(NamedTuple):
    """Something that allows one send of this form from then on."""

    since: float
    form: str
    why: Why


def explain(records: Records) -> dict[str, Why]:
    """By message id: Vestnik answers a STOP or START itself, once; and a post without an answer may have been taken.

    Each reason explains one message, the oldest fitting one. What is left has no explanation.
    """
    reasons: dict[Person, list[_Reason]] = defaultdict(list)
    for person, reason in (*_confirmations(records), *_open_posts(records)):
        reasons[person].append(reason)
    explained: dict[str, Why] = {}
    for message_id, row in _unknown(records):
        mine = reasons[records.owner(message_id) or "", sent_to(row)]
        fitting = [one for one in mine if one.since <= sent_at(row) and one.form == form_of(row)]
        if fitting:
            mine.remove(fitting[0])
            explained[message_id] = fitting[0].why
    return explained


def form_of(row: Row) -> str:
    return "template" if row.get("type") == "template" else "text"


def is_start(wrote: Row) -> bool:
    return bool(wrote.get("is_start", str(wrote["text"]).strip(" .!").casefold() in START_WORDS))


def _unknown(records: Records) -> list[tuple[str, Row]]:
    """First sends by time."""
    first = [(one, rows[0]) for one, rows in records.sends.items() if one and one not in records.asked]
    return sorted(first, key=lambda found: sent_at(found[1]))


def _confirmations(records: Records) -> Iterator[tuple[Person, _Reason]]:
    for row in records.evidence.clients:
        if row["kind"] == "wrote" and (row["is_stop"] or is_start(row)):
            reason = _Reason(row["at"] - LATE_LINE_SECONDS, "text", "confirmation")
            yield (row["tenant"], digits(row["to"])), reason


def _open_posts(records: Records) -> Iterator[tuple[Person, _Reason]]:
    for request in records.requests:
        if request.may_be_taken:
            yield (request.tenant, request.person), _Reason(request.posted_at[0], request.form, "open post")
