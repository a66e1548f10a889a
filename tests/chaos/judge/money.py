"""One charge for each delivered message, at its price, and none for others; the books add up."""

from collections.abc import Iterator
from decimal import Decimal

from tests.chaos.judge.evidence import Row
from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records

ARRIVED = frozenset({"delivered", "read"})
OVER = ARRIVED | {"failed", "expired"}
NOTHING = Decimal(0)
MICROS = 1_000_000


def check(records: Records) -> Iterator[Offence]:
    for message_id in records.message_ids():
        captured = [item for item in records.charges.get(message_id, ()) if item["state"] == "captured"]
        owner = records.owner(message_id)
        if len(captured) > 1:
            yield Offence("charged_twice", owner, f"{len(captured)} charges", message_id)
        elif what := _wrong(records, message_id, captured):
            yield Offence("charged_wrong", owner, what, message_id)
    yield from _still_held(records)
    for tenant in records.tenants:
        yield from _books(records, tenant)


def missing_micros(records: Records) -> int:
    """What is missing from the tenants' books, or too much in them, taken together."""
    return sum(int(abs(missing(records, tenant)) * MICROS) for tenant in records.tenants)


def missing(records: Records, tenant: str) -> Decimal:
    """Paid in, less what was charged, what is held and what is left."""
    body, items = _balance(records, tenant), _items(records, tenant)
    left = Decimal(body["wallet"]["amount"]) + Decimal(body["held"]["amount"])
    return Decimal(records.tenants[tenant]["top_up"]) - _total(items, "captured") - left


def _wrong(records: Records, message_id: str, captured: list[Row]) -> str | None:
    price, told = _price(records, message_id), {records.state(message_id), *records.words(message_id)}
    amount = _amount(captured[0]) if captured else NOTHING
    has_arrived = bool(told & ARRIVED)
    if amount and not has_arrived and not records.possible(message_id) & ARRIVED:
        return f"charged {amount}, and nobody saw it arrive"
    if has_arrived and price and not amount:
        return f"it arrived and costs {price}, and was not charged"
    if amount and price is not None and amount != price:
        return f"charged {amount}, and its price is {price}"
    return None


def _price(records: Records, message_id: str) -> Decimal | None:
    """As the API says it; None where it does not."""
    row = records.api.get(message_id)
    price = row["body"].get("price") if row and row["status"] == 200 else None
    return Decimal(price["amount"]) if price else None


def _still_held(records: Records) -> Iterator[Offence]:
    """What was only sent may still arrive, and so its price is held; what has failed holds nothing."""
    for message_id, items in records.charges.items():
        state = records.state(message_id)
        if state in OVER - ARRIVED and any(one["state"] == "reserved" for one in items):
            yield Offence("ledger", records.owner(message_id), f"it has {state}, and its price is held", message_id)


def _books(records: Records, tenant: str) -> Iterator[Offence]:
    held, reserved = Decimal(_balance(records, tenant)["held"]["amount"]), _total(_items(records, tenant), "reserved")
    if away := missing(records, tenant):
        yield Offence("ledger", tenant, f"paid in - charges - held - wallet = {away}, not 0")
    elif held != reserved:
        yield Offence("ledger", tenant, f"{held} is held, and the messages under way cost {reserved}")


def _balance(records: Records, tenant: str) -> Row:
    for row in records.evidence.api:
        if row["kind"] == "balance" and row["tenant"] == tenant:
            body: Row = row["body"]
            return body
    raise ValueError(f"api.jsonl: no balance of {tenant}")


def _items(records: Records, tenant: str) -> list[Row]:
    rows = (row for row in records.evidence.api if row["kind"] == "charges" and row["tenant"] == tenant)
    return [item for row in rows for item in row["items"]]


def _total(items: list[Row], state: str) -> Decimal:
    return sum((_amount(item) for item in items if item["state"] == state), NOTHING)


def _amount(item: Row) -> Decimal:
    return Decimal(item["price"]["amount"]) if item["price"] else NOTHING
