"""Every message that was answered with 200 comes to an end."""

from collections.abc import Iterator

from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records

ENDED = frozenset({"delivered", "read", "failed", "expired"})


def check(records: Records) -> Iterator[Offence]:
    for message_id, request in records.asked.items():
        if is_settled(records, message_id):
            continue
        state = records.state(message_id)
        if state is None:
            asked = records.api.get(message_id)
            what = f"the API answers {asked['status']}" if asked else "the API was not asked"
            yield Offence("lost", request.tenant, f"answered 200, and {what}", message_id)
        else:
            yield Offence("stuck", request.tenant, f"the API says {state}, and nothing else was told", message_id)


def is_settled(records: Records, message_id: str) -> bool:
    """By what the tenant was told, by the API, or `sent` where Meta reports nothing more."""
    state, told = records.state(message_id), records.words(message_id)
    if state in ENDED or told & ENDED:
        return True
    return "sent" in {state, *told} and not records.reported(message_id) & ENDED
