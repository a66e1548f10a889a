"""The facts that a journal is made of, by the transfer that each of them explains."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.kernel.contracts import Event
from services.kernel.contracts.charges import ChargeCaptured, ChargeReleased, MoneyBooked
from services.kernel.contracts.clearances import MessageCleared
from services.kernel.contracts.outcomes import MessageExpired, MessageFailed, MessageReported
from services.kernel.contracts.reservations import MessageFunded
from services.kernel.contracts.statuses import StatusReported

Key = tuple[int, int, int]  # tenant, what the transfer is about, step
Booked = MessageFunded | ChargeCaptured | ChargeReleased | MoneyBooked

HOLD_STEPS = {"hold": 1, "hold_capture": 2, "hold_return": 3}


class Finding(NamedTuple):
    """Something that does not agree, in words."""

    text: str


class Facts:
    """What was exported, once each; the same fact said twice must say the same."""

    def __init__(self) -> None:
        self.booked: dict[Key, Booked] = {}
        self.findings: list[Finding] = []
        self.counted: Counter[str] = Counter()
        self._cleared: set[int] = set()
        self._reached: set[int] = set()
        self._over: set[int] = set()

    def take(self, events: Iterable[Event]) -> None:
        """Take in facts of any topic, in any order."""
        for event in events:
            self.counted[event.TYPE] += 1
            match event:
                case MessageFunded() | ChargeCaptured() | ChargeReleased() | MoneyBooked():
                    self._take_booked(event)
                case MessageCleared():
                    self._cleared.add(event.message_id.int)
                case MessageFailed() | MessageExpired():
                    self._over.add(event.message_id.int)
                case StatusReported(message_id=UUID() as message_id) | MessageReported(message_id=message_id):
                    self._note(event.status, message_id.int)

    def _take_booked(self, fact: Booked) -> None:
        amount = fact.price_micros if isinstance(fact, MessageFunded) else fact.amount_micros
        if amount == 0:
            return
        known = self.booked.setdefault(key_of(fact), fact)
        if known != fact:
            self.findings.append(Finding(f"two facts contradict each other: {known} and {fact}"))

    def _note(self, status: str, message: int) -> None:
        if status in ("delivered", "read"):
            self._reached.add(message)
        elif status == "failed":
            self._over.add(message)

    def check(self) -> None:
        """Every decision has its ground, and every end has the amount of its reserve."""
        for (tenant, about, _), fact in self.booked.items():
            if isinstance(fact, MoneyBooked):
                continue
            if not self._has_ground(fact):
                self.findings.append(Finding(f"no event is behind this decision: {fact}"))
            if isinstance(fact, ChargeCaptured | ChargeReleased):
                self._check_amount(fact, self.booked.get((tenant, about, 1)))

    def _check_amount(self, end: ChargeCaptured | ChargeReleased, reserve: Booked | None) -> None:
        if isinstance(reserve, MessageFunded) and reserve.price_micros != end.amount_micros:
            self.findings.append(Finding(f"{reserve.price_micros} micro-units were reserved, but: {end}"))

    def _has_ground(self, fact: MessageFunded | ChargeCaptured | ChargeReleased) -> bool:
        message = fact.message_id.int
        match fact:
            case MessageFunded():
                return message in self._cleared
            case ChargeCaptured():
                return message in self._reached
            case ChargeReleased():
                return fact.is_overdue or message in self._over

    def unused(self, used: set[Key], until: datetime) -> Iterable[Booked]:
        """Facts from before a moment whose transfer is not in the journal."""
        return (fact for key, fact in self.booked.items() if key not in used and fact.occurred_at <= until)


def key_of(fact: Booked) -> Key:
    """Which transfer a fact explains."""
    tenant = fact.tenant_id.int
    match fact:
        case MessageFunded():
            return tenant, fact.message_id.int, 1
        case ChargeCaptured():
            return tenant, fact.message_id.int, 3 if fact.is_late else 2
        case ChargeReleased():
            return tenant, fact.message_id.int, 2
        case MoneyBooked():
            return tenant, fact.transfer_id.int, HOLD_STEPS.get(fact.kind, 0)
