"""What became of the messages: lost, sent twice, not told. A pure function of three records kept outside Vestnik."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

# One bit a status, as the receivers keep them.
BITS = {"sent": 1, "delivered": 2, "read": 4, "failed": 8}
ENDED = BITS["delivered"] | BITS["read"] | BITS["failed"]
# What GET /v1/messages/{id} calls an end; `sent` ends where the sandbox reports nothing more, which it never does here.
END_STATES = frozenset({"delivered", "read", "failed", "expired"})


class SendRow(NamedTuple):
    """One line of the sandbox's own record; `at` is in Unix seconds."""

    message_id: str
    outcome: str
    at: float

    @property
    def went_out(self) -> bool:
        """A refused try is not a send."""
        return self.outcome != "refused"


def double_sent(sends: Iterable[SendRow]) -> int:
    """How many messages went out more than once; a refused try followed by another is one send."""
    out = Counter(send.message_id for send in sends if send.went_out)
    return sum(times > 1 for times in out.values())


def foreign(sends: Iterable[SendRow], accepted: Collection[str]) -> int:
    """Sends that no answer of ours promised: an answer that got lost on its way, or worse."""
    return sum(send.went_out and send.message_id not in accepted for send in sends)


def unsettled(accepted: Iterable[str], told: Mapping[str, int]) -> list[str]:
    """Messages whose tenant was not yet told an end (delivered, read or failed)."""
    return [message_id for message_id in accepted if not told.get(message_id, 0) & ENDED]


def lost(unsettled_ids: Iterable[str], states: Mapping[str, str]) -> list[str]:
    """Of the unsettled: those whose state, asked for at the end, is no end either."""
    return [message_id for message_id in unsettled_ids if states.get(message_id) not in END_STATES]


def callbacks_missing(sends: Iterable[SendRow], told: Mapping[str, int]) -> int:
    """Statuses that the sandbox reported (sent, delivered, read of every accepted send) and no tenant was told."""
    reported = BITS["sent"] | BITS["delivered"] | BITS["read"]
    out = {send.message_id for send in sends if send.went_out}
    return sum((reported & ~told.get(message_id, 0)).bit_count() for message_id in out)
