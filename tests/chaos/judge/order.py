"""One person's messages go out in the order of acceptance and are told of in the order of Meta's reports."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from tests.chaos.judge.evidence import Row
from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import REPORTS, Records, sent_at, statuses
from tests.chaos.judge.told import Told

# Meta repeats what the webhook did not take, and then in any order.
TOUCH_WEBHOOKS = ("webhook", "kafka", "services", "rolling")
# Connections that a fault broke are found broken when they are used next.
AFTERMATH_SECONDS = 15.0
ASCENDING = ("sent", "delivered", "read")
Acceptance = tuple[float, float, str]  # posted, answered, message id


def check(records: Records) -> Iterator[Offence]:
    yield from _sends(records)
    yield from _callbacks(records)


def _sends(records: Records) -> Iterator[Offence]:
    """Two posts count where the first was answered before the second began; mailings and replies are two lanes."""
    lanes: dict[tuple[str, ...], list[Acceptance]] = defaultdict(list)
    for request in records.requests:
        for message_id, answered_at in request.answered.items():
            if records.taken(message_id):
                acceptance = (min(request.posted_at), answered_at, message_id)
                lanes[request.tenant, request.number, request.person, request.form].append(acceptance)
    for lane in lanes.values():
        for earlier, later in combinations(sorted(lane), 2):
            if earlier[1] < later[0] and _has_overtaken(records, earlier[2], later[2]):
                what = f"it overtook {earlier[2]}, which was accepted before"
                yield Offence("disorder", records.owner(later[2]), what, later[2], beside=earlier[2])


def _has_overtaken(records: Records, earlier: str, later: str) -> bool:
    """First calls begin in order. A first call that was refused, or broke off before its first byte and so left no
    trace at Meta, is repeated later: when it began, the API says.
    """
    first, second = records.sends[earlier][0], records.taken(later)[0]
    began, began_later = records.moment(earlier, "sending"), records.moment(later, "sending")
    is_begun = began is not None and began_later is not None and began <= began_later
    return bool(first["n"] > second["n"]) and not is_begun


def _callbacks(records: Records) -> Iterator[Offence]:
    """Judged where Meta reported in the usual order."""
    for message_id, told in records.told.items():
        rows = records.taken(message_id)
        if len(rows) == 1 and _is_told_in_order(rows[0]):
            for before, after in _backwards(told):
                if not _may_be_repeated(records, since=sent_at(rows[0]), until=after.at):
                    what = f"told {before.status} and then {after.status}"
                    yield Offence("disorder", records.owner(message_id), what, message_id)


def _is_told_in_order(row: Row) -> bool:
    words = statuses(row)
    return row.get("order", "as_given") == "as_given" and words == sorted(set(words), key=REPORTS.index)


def _backwards(told: list[Told]) -> Iterator[tuple[Told, Told]]:
    """Of the first deliveries only: what is delivered again says nothing new."""
    first = {one.status: one for one in reversed(told) if one.status in ASCENDING}
    arrived = sorted(first.values(), key=lambda one: one.place)
    for before, after in combinations(arrived, 2):
        if ASCENDING.index(before.status or "") > ASCENDING.index(after.status or ""):
            yield before, after


def _may_be_repeated(records: Records, *, since: float, until: float) -> bool:
    return any(
        row["from"] <= until and row["to"] + AFTERMATH_SECONDS >= since
        for row in records.evidence.faults
        if any(word.startswith(TOUCH_WEBHOOKS) for word in f"{row['name']} {row.get('target', '')}".split())
    )
