"""Meta gets each message once, and only what was asked for, for whom it was asked."""

from collections.abc import Iterator

from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records, sent_to
from tests.chaos.judge.unasked import explain


def check(records: Records) -> Iterator[Offence]:
    yield from _twice(records)
    yield from _two_ids(records)
    yield from _elsewhere(records)
    yield from _unasked(records)


def _twice(records: Records) -> Iterator[Offence]:
    """A refused try is no send, however often it is repeated."""
    for message_id in records.message_ids():
        if (times := len(records.taken(message_id))) > 1:
            yield Offence("sent_twice", records.owner(message_id), f"Meta took it {times} times", message_id)


def _two_ids(records: Records) -> Iterator[Offence]:
    for request in records.requests:
        if len(request.answered) > 1:
            ids = list(request.answered)
            yield Offence("sent_twice", request.tenant, f"one key was answered with {', '.join(ids)}", ids[-1])


def _elsewhere(records: Records) -> Iterator[Offence]:
    for message_id, request in records.asked.items():
        for row in records.sends.get(message_id, ()):
            if sent_to(row) != request.person:
                yield Offence("sent_unasked", request.tenant, "it was asked for another person", message_id)


def _unasked(records: Records) -> Iterator[Offence]:
    explained = explain(records)
    for message_id, rows in records.sends.items():
        if not message_id:
            yield Offence("sent_unasked", None, "a send without our id", person=sent_to(rows[0]))
        elif message_id not in records.asked and message_id not in explained:
            what = "no answer gave this id, and no post to this person stayed open"
            yield Offence("sent_unasked", records.owner(message_id), what, message_id)
