"""Each fact reaches each tenant whose endpoint answers, under one event id however often it is delivered."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.judge.evidence import digits
from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records

Words = tuple[str, str, str, str]  # tenant, number, person, text


def check(records: Records) -> Iterator[Offence]:
    yield from _statuses(records)
    yield from _failures(records)
    yield from _messages(records)
    yield from _ids(records)
    yield from _contents(records)


def _statuses(records: Records) -> Iterator[Offence]:
    for message_id in records.message_ids():
        owner = records.owner(message_id)
        missing = records.reported(message_id) - records.words(message_id)
        if missing and records.is_reachable(owner):
            yield Offence("callbacks_missing", owner, f"never told: {', '.join(sorted(missing))}", message_id)


def _failures(records: Records) -> Iterator[Offence]:
    """Also what Meta never heard of is told when it fails or expires."""
    for message_id, request in records.asked.items():
        state = records.state(message_id)
        is_said = records.words(message_id) & {"failed", "delivered", "read"} or "failed" in records.reported(
            message_id
        )
        if state in ("failed", "expired") and not is_said and records.is_reachable(request.tenant):
            yield Offence("callbacks_missing", request.tenant, f"the API says {state}, and nobody told", message_id)


def _messages(records: Records) -> Iterator[Offence]:
    """What a person wrote n times in the same words is told n times."""
    written = Counter(
        (row["tenant"], row["number"], digits(row["to"]), row["text"])
        for row in records.evidence.clients
        if row["kind"] == "wrote"
    )
    told: dict[Words, set[str]] = defaultdict(set)
    for one in records.received:
        if one.status is None:
            told[one.tenant, one.number or "", one.person, one.text or ""].add(one.event_id)
    for words, times in written.items():
        tenant, _, person, text = words
        if len(told[words]) < times and records.is_reachable(tenant):
            what = f"{text!r} was written {times} times and told {len(told[words])} times"
            yield Offence("callbacks_missing", tenant, what, person=person)
        elif len(told[words]) > times:
            what = f"{text!r} was written {times} times and told under {len(told[words])} event ids"
            yield Offence("callback_id_changed", tenant, what, person=person)


def _ids(records: Records) -> Iterator[Offence]:
    """A failure for want of news, and the failure that Meta reports after all, are two facts."""
    ids: dict[tuple[str, str, str | None, int | None], set[str]] = defaultdict(set)
    for one in records.received:
        if one.status is not None:
            ids[one.tenant, one.message_id, one.status, one.code].add(one.event_id)
    for (tenant, message_id, status, _), found in ids.items():
        if len(found) > 1:
            what = f"{status} was told as {', '.join(sorted(found))}"
            yield Offence("callback_id_changed", tenant, what, message_id)


def _contents(records: Records) -> Iterator[Offence]:
    contents: dict[tuple[str, str], int] = {}
    for one in records.received:
        content = hash(json.dumps(one.value, sort_keys=True))
        if contents.setdefault((one.tenant, one.event_id), content) != content:
            what = f"event {one.event_id} came with two contents"
            yield Offence("callback_id_changed", one.tenant, what, one.message_id)
