"""What became of messages, by the records of the sandbox and of the tenant's endpoint; and what the ledger says."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant
from tests.e2e.traffic.load import Load

FINAL = ("failed", "read", "delivered")  # the last word of a message, the strongest first
BETWEEN = ("accepted, not at Meta", "at Meta, nothing told", "told sent")
PRICE_MICROS = 6_000_000  # each of a tenant's first 1,000 messages of a month
WENT_OUT = ("accepted", "dropped")


@dataclass(frozen=True)
class Records:
    """Each answered message with how often Meta took it and what the tenant was told, in order."""

    answered: list[str]
    sends: Counter[str]
    told: dict[str, list[str]]
    event_ids: dict[tuple[str, str], set[str]]

    @property
    def unsettled(self) -> list[str]:
        """Messages without a last word."""
        return [one for one in self.answered if not set(self.told.get(one, [])) & set(FINAL)]

    @property
    def reached(self) -> set[str]:
        return {one for one, told in self.told.items() if {"delivered", "read"} & set(told)}

    @property
    def failed(self) -> set[str]:
        """Told as failed and not delivered after all."""
        return {one for one, told in self.told.items() if "failed" in told} - self.reached

    @property
    def histogram(self) -> Counter[str]:
        return Counter(self._state(one) for one in self.answered)

    @property
    def between(self) -> int:
        """Accepted and on their way: not told as delivered, read or failed."""
        return sum(self.histogram[state] for state in BETWEEN)

    def _state(self, message_id: str) -> str:
        told = self.told.get(message_id, [])
        for word in (*FINAL, "sent"):
            if word in told:
                return f"told {word}"
        return BETWEEN[1] if message_id in self.sends else BETWEEN[0]


async def records(world: World, load: Load, tenant: Tenant, *, after: int) -> Records:
    """Look at both records now; `after` is the sandbox's number of the last send before the load."""
    answered = load.message_ids
    rows = await world.sandbox.sends(after=after)
    ours = [row for row in rows if row["phone_number_id"] == tenant.phone_number_id and row["outcome"] in WENT_OUT]
    told: dict[str, list[str]] = {}
    event_ids: dict[tuple[str, str], set[str]] = {}
    for received in list(tenant.callbacks.values):
        for status in received.value.get("statuses", []):
            told.setdefault(status["id"], []).append(status["status"])
            event_ids.setdefault((status["id"], status["status"]), set()).add(received.event_id)
    return Records(answered, Counter(row["biz_opaque_callback_data"] for row in ours), told, event_ids)


async def last_send(world: World) -> int:
    rows = await world.sandbox.sends()
    return int(rows[-1]["n"]) if rows else 0


@dataclass(frozen=True)
class Ledger:
    """One tenant's transfers and balances, read from billing's database."""

    by_kind: dict[str, Counter[str]]  # kind -> how often each message has it
    balances: dict[str, int]  # account -> micro-roubles
    recomputed: dict[str, int]

    def messages(self, *kinds: str) -> set[str]:
        return {message for kind in kinds for message in self.by_kind.get(kind, Counter())}

    @property
    def most_of_one(self) -> int:
        """How often one message has the same kind of transfer at most."""
        return max((count for counts in self.by_kind.values() for count in counts.values()), default=0)


async def ledger(world: World, tenant: Tenant) -> Ledger:
    rows = await _fetch(
        world, "billing", "select kind, debit, credit, amount_micros, message_id from transfers where tenant_id = $1",
        tenant.id,
    )  # fmt: skip
    balances = await _fetch(
        world, "billing", "select kind, balance_micros from accounts where tenant_id = $1", tenant.id
    )
    by_kind: dict[str, Counter[str]] = {}
    recomputed: Counter[str] = Counter()
    for row in rows:
        if row["message_id"] is not None:
            by_kind.setdefault(row["kind"], Counter())[str(row["message_id"])] += 1
        recomputed[row["debit"]] -= row["amount_micros"]
        recomputed[row["credit"]] += row["amount_micros"]
    return Ledger(by_kind, {row["kind"]: row["balance_micros"] for row in balances}, dict(recomputed))


async def states(world: World, tenant: Tenant) -> dict[str, int]:
    """How many messages stand in each state in the gateway's own table: shown and waited for, never counted on."""
    sql = """select (array['accepted','cleared','funded','sending','unknown','sent','delivered','read','failed',
                    'expired'])[state + 1] as state, count(*) from messages where tenant_id = $1 group by messages.state
             order by messages.state"""
    return {row["state"]: row["count"] for row in await _fetch(world, "gateway", sql, tenant.id)}


async def _fetch(world: World, database: str, sql: str, *values: Any) -> Iterable[Any]:
    postgres = world.stack.infrastructure.postgres
    connection = await asyncpg.connect(postgres.dsn("postgres", database), timeout=20)
    try:
        found: list[Any] = await connection.fetch(sql, *values)
        return found
    finally:
        await connection.close()


async def wallet(tenant: Tenant, *, top_up_micros: int, reached: int) -> None:
    """The wallet as the tenant reads it holds what was paid in, without the price of what reached people."""
    amount, held = await tenant.wallet()
    assert held == "0.00"
    assert amount == f"{(top_up_micros - reached * PRICE_MICROS) / 1_000_000:.2f}"
