"""A pen for evidence: what clients, Meta, endpoints and the API would have written down."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tests.chaos.judge.evidence import Evidence, Row, digits

BEGIN = 1_800_000_000.0
TOP_UP = "1000.00"
PRICE = "6.00"
ORDINARY = ("sent", "delivered", "read")


class Part(NamedTuple):
    """A tenant with one number, or a person of one tenant."""

    tenant: str
    number: str
    phone: str = ""

    def person(self, phone: str) -> "Part":
        return self._replace(phone=phone)


SHOP, BAKERY = Part("shop", "100000000000001"), Part("bakery", "100000000000002")
KIOSK = Part("kiosk", "100000000000003")
# The kiosk's endpoint never answers.
TENANTS = {SHOP: "healthy", BAKERY: "failing", KIOSK: "down"}


@dataclass
class Tale:
    """Times are seconds since the beginning; ids of messages and events are words, so that a history can be read."""

    clients: list[Row] = field(default_factory=list)
    sends: list[Row] = field(default_factory=list)
    callbacks: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    charges: dict[str, list[Row]] = field(default_factory=lambda: {part.tenant: [] for part in TENANTS})
    faults: list[Row] = field(default_factory=list)
    wire: list[Row] = field(default_factory=list)
    out_of_wallet: str = "0"  # what the shop's wallet lacks
    _tries: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- clients --------------------------------------------------------------------------------------------------

    def post(self, at: float, to: Part, *, key: str | None, form: str = "template") -> int:
        number = next(self._tries)
        row = {"kind": "posted", "at": at, "tenant": to.tenant, "try": number, "key": key, "form": form}
        self.clients.append({**row, "to": to.phone, "number": to.number, "lane_order": None})
        return number

    def answer(self, at: float, number: int, status: int, message_id: str | None = None) -> None:
        row = {"kind": "answered", "at": at, "try": number, "status": status}
        self.clients.append({**row, "message_id": message_id, "code": None})

    def give_up(self, at: float, number: int) -> None:
        self.clients.append({"kind": "unanswered", "at": at, "try": number, "error": "TimeoutError"})

    def accept(self, at: float, to: Part, message_id: str, *, form: str = "template") -> None:
        self.answer(at + 0.1, self.post(at, to, key=f"key-{message_id}", form=form), 200, message_id)

    def consent(self, at: float, person: Part, kind: str = "consented") -> None:
        self.clients.append({"kind": kind, "at": at, "tenant": person.tenant, "to": person.phone})

    def write(self, at: float, person: Part, text: str, *, is_stop: bool = False) -> None:
        row = {"kind": "wrote", "at": at, "tenant": person.tenant, "to": person.phone, "number": person.number}
        self.clients.append({**row, "text": text, "is_stop": is_stop, "wamid": f"wamid.{text}"})

    # --- Meta -----------------------------------------------------------------------------------------------------

    def send(  # noqa: PLR0917  # as in a table
        self, at: float, to: Part, message_id: str, form: str = "template", outcome: str = "accepted",
        statuses: Sequence[str] = ORDINARY,
    ) -> None:  # fmt: skip
        row = {"to": to.phone, "biz_opaque_callback_data": message_id, "outcome": outcome, "at": at, "type": form}
        words = [] if outcome == "refused" else list(statuses)
        code = 130429 if outcome == "refused" else None
        wamid = None if code else f"wamid.{message_id}"
        self.sends.append({**row, "phone_number_id": to.number, "wamid": wamid, "code": code, "statuses": words})

    # --- endpoints ------------------------------------------------------------------------------------------------

    def deliver(self, at: float, to: Part, event: str, said: Row, *, answered: int | None = 200) -> None:
        metadata = {"phone_number_id": to.number}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **said, "event_id": f"event-{event}"}
        row = {"at": at, "tenant": to.tenant, "delivery": f"delivery-{event}", "answered": answered}
        self.callbacks.append({**row, "event_id": value["event_id"], "value": value})

    def tell(self, at: float, to: Part, message_id: str, status: str, *, error: str | None = None) -> None:
        said: Row = {"id": message_id, "status": status, "timestamp": str(int(BEGIN + at))}
        if error is not None:
            said["errors"] = [{"code": 131000, "title": error}]
        name = f"{message_id}-{status}{'-' + error if error else ''}"
        self.deliver(at, to, name, {"statuses": [said]})

    def hear(self, at: float, person: Part, text: str) -> None:
        said = {"from": digits(person.phone), "id": f"inbound-{text}", "timestamp": str(int(BEGIN + at))}
        self.deliver(at, person, f"inbound-{text}", {"messages": [{**said, "text": {"body": text}}]})

    # --- the API at the end ---------------------------------------------------------------------------------------

    def end(  # as in a table
        self, to: Part, message_id: str, state: str, *, price: str | None = PRICE, money: str = "captured",
        begun: float | None = None,
    ) -> None:  # fmt: skip
        """What the API says of a message and of its charge; its first call was begun at `begun`."""
        amount = None if price is None else {"amount": price, "currency": "RUB"}
        events = [] if begun is None else [{"type": "sending", "at": _iso(begun)}]
        body: Row = {"id": message_id, "state": state, "error": None, "price": amount, "trace": [], "events": events}
        row: Row = {"kind": "message", "tenant": to.tenant, "id": message_id, "status": 200, "body": body}
        self.answers.append(row)
        self.charges[to.tenant].append({"message_id": message_id, "state": money, "price": amount})

    def arrive(self, at: float, to: Part, message_id: str, *, form: str = "template", price: str = PRICE) -> None:
        """It goes out, is delivered, read, told and charged."""
        self.send(at, to, message_id, form)
        for number, status in enumerate(ORDINARY, start=1):
            self.tell(at + 0.3 * number, to, message_id, status)
        self.end(to, message_id, "read", price=price, begun=at - 0.1)

    # --- files ----------------------------------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        sends = [{"n": number, **row} for number, row in enumerate(sorted(self.sends, key=_at), start=1)]
        stamped = [{**row, "at": _iso(row["at"])} for row in sends]
        spans = [{**row, "from": BEGIN + row["from"], "to": BEGIN + row["to"]} for row in self.faults]
        return Evidence(
            tenants=[_tenant(part, endpoint) for part, endpoint in TENANTS.items()],
            clients=_moved(self.clients),
            sends=stamped,
            callbacks=_moved(self.callbacks),
            api=[*self.answers, *(row for part in TENANTS for row in self._money(part))],
            faults=spans,
            wire=_moved(self.wire),
        )

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, rows in self.evidence()._asdict().items():
            if name == "wire" and not rows:
                continue
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (directory / f"{name}.jsonl").write_text(lines, encoding="utf-8")

    def _money(self, part: Part) -> list[Row]:
        items = self.charges[part.tenant]
        held, captured = _total(items, "reserved"), _total(items, "captured")
        wallet = Decimal(TOP_UP) - held - captured - Decimal(self.out_of_wallet if part == SHOP else 0)
        body: Row = {"wallet": {"amount": str(wallet)}, "held": {"amount": str(held)}}
        return [
            {"kind": "balance", "tenant": part.tenant, "body": body},
            {"kind": "charges", "tenant": part.tenant, "items": items},
        ]


def _tenant(part: Part, endpoint: str) -> Row:
    row = {"tenant": part.tenant, "id": f"id-{part.tenant}", "phone_number_ids": [part.number], "top_up": TOP_UP}
    return {**row, "endpoint": endpoint, "reachable": endpoint != "down"}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(BEGIN + at, UTC).isoformat()


def _at(row: Row) -> float:
    return float(row["at"])


def _moved(rows: list[Row]) -> list[Row]:
    return [{**row, "at": round(BEGIN + row["at"], 3)} for row in sorted(rows, key=_at)]


def _total(items: list[Row], state: str) -> Decimal:
    return sum((Decimal(item["price"]["amount"]) for item in items if item["state"] == state), Decimal("0.00"))
