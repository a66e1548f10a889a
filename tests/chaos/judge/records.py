"""The evidence by message: what was asked, what Meta got, what the tenant was told, what the API says at the end."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.judge.evidence import Evidence, Row, digits, seconds
from tests.chaos.judge.requests import requests_of
from tests.chaos.judge.told import Told, received

REPORTS = ("sent", "delivered", "read", "failed")
TOOK = ("accepted", "dropped")
ORDINARY = ["sent", "delivered", "read"]
Person = tuple[str, str]  # a tenant's name, and the digits of a phone number


class Records:
    """Everything by message id; `requests` are in the order of their first try."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.tenants = {row["tenant"]: row for row in evidence.tenants}
        self.owner_of_number = {number: row["tenant"] for row in evidence.tenants for number in row["phone_number_ids"]}
        self.requests = requests_of(evidence.clients)
        self.asked = {message_id: one for one in self.requests for message_id in one.answered}
        self.sends: dict[str, list[Row]] = defaultdict(list)
        for row in evidence.sends:
            self.sends[row["biz_opaque_callback_data"] or ""].append(row)
        self.left: dict[str, list[float]] = defaultdict(list)  # when its requests passed the link to Meta
        for row in evidence.wire:
            self.left[row["id"]].append(row["at"])
        self.received = list(received(evidence.callbacks))
        self.told: dict[str, list[Told]] = defaultdict(list)
        for one in self.received:
            if one.status is not None and one.tenant == self.owner(one.message_id, one.tenant):
                self.told[one.message_id].append(one)
        own = [row for row in evidence.api if "asked_as" not in row]
        self.api = {row["id"]: row for row in own if row["kind"] == "message"}
        self.charges: dict[str, list[Row]] = defaultdict(list)
        for item in (item for row in own if row["kind"] == "charges" for item in row["items"]):
            self.charges[item["message_id"]].append(item)

    def owner(self, message_id: str, otherwise: str | None = None) -> str | None:
        """The tenant that asked for a message, or from whose number it went out."""
        if message_id in self.asked:
            return self.asked[message_id].tenant
        numbers = (row["phone_number_id"] for row in self.sends.get(message_id, ()))
        return next((self.owner_of_number[one] for one in numbers if one in self.owner_of_number), otherwise)

    def taken(self, message_id: str) -> list[Row]:
        """The requests of this message that Meta took, with or without an answer."""
        return [row for row in self.sends.get(message_id, ()) if row["outcome"] in TOOK]

    def state(self, message_id: str) -> str | None:
        """The state by the API at the end; None where it does not know the message."""
        row = self.api.get(message_id)
        return str(row["body"]["state"]) if row and row["status"] == 200 else None

    def moment(self, message_id: str, event: str) -> float | None:
        """When this happened, by the API."""
        row = self.api.get(message_id)
        events = row["body"]["events"] if row and row["status"] == 200 else ()
        return next((seconds(one["at"]) for one in events if one["type"] == event), None)

    def words(self, message_id: str) -> set[str]:
        """The statuses that the tenant was told."""
        return {one.status for one in self.told.get(message_id, ()) if one.status}

    def reported(self, message_id: str) -> set[str]:
        """The statuses that Meta reports of it, so that anybody can tell whose they are."""
        return {word for row in self.taken(message_id) if not is_nameless(row) for word in statuses(row)}

    def possible(self, message_id: str) -> set[str]:
        """All statuses that Meta reports of it."""
        return {word for row in self.taken(message_id) for word in statuses(row)}

    def is_reachable(self, tenant: str | None) -> bool:
        return tenant is not None and bool(self.tenants[tenant]["reachable"])

    def message_ids(self) -> Iterator[str]:
        """Of all messages that anybody knows."""
        yield from dict.fromkeys((*self.asked, *(one for one in self.sends if one), *self.charges))


def statuses(row: Row) -> list[str]:
    """What Meta reports of a send, as far as tenants hear of it."""
    planned = row.get("statuses", (row.get("plan") or {}).get("statuses", ORDINARY))
    return [word for word in planned if word in REPORTS]


def is_nameless(row: Row) -> bool:
    """Reported without our id, and so perhaps matched by nobody: Meta's own id may have been lost with the answer."""
    return bool((row.get("plan") or {}).get("nameless"))


def sent_to(row: Row) -> str:
    """The person of a send, as digits."""
    return digits((row.get("plan") or {}).get("phone") or row["to"])


def sent_at(row: Row) -> float:
    return seconds(row["at"])
