"""What clients asked for: posts, their repeats under one key, and what they were answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chaos.judge.evidence import Row, digits


@dataclass
class Request:
    """What a client wants sent: all tries under one key, or one try without a key."""

    tenant: str
    person: str
    number: str
    form: str
    posted_at: list[float] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    answered: dict[str, float] = field(default_factory=dict)  # message id -> its first 200
    unheard: int = 0  # tries without any answer

    @property
    def may_be_taken(self) -> bool:
        """No 200 came back, and yet the message may have been accepted: no answer, a conflict, a failing server."""
        vague = any(status is None or status == 409 or status >= 500 for status in self.statuses)
        return not self.answered and (self.unheard > 0 or vague)


def requests_of(clients: Iterable[Row]) -> list[Request]:
    requests: dict[object, Request] = {}
    tries: dict[int, Request] = {}
    heard: set[int] = set()
    for row in clients:
        if row["kind"] == "posted":
            name = row["try"] if row["key"] is None else (row["tenant"], row["key"])
            fresh = Request(row["tenant"], digits(row["to"]), row["number"], row["form"])
            tries[row["try"]] = request = requests.setdefault(name, fresh)
            request.posted_at.append(row["at"])
        elif row["kind"] == "answered":
            heard.add(row["try"])
            _answer(tries[row["try"]], row)
    for number, request in tries.items():
        request.unheard += number not in heard
    return list(requests.values())


def _answer(request: Request, row: Row) -> None:
    if row["status"] == 200 and row["message_id"]:
        request.answered.setdefault(row["message_id"], row["at"])
    else:
        request.statuses.append(None if row["status"] == 200 else row["status"])
