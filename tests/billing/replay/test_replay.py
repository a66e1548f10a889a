"""The published facts give the same journal and balances again; one micro-rouble that was changed is found."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from rich.progress import Progress

from services.billing.holds import service as holds
from services.billing.reservations import expiry
from services.kernel import clock
from services.kernel.contracts import Event
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.kafka.outbox import Relay
from services.kernel.kafka.publisher import Publisher
from tests.billing.stand import DAY, NOON, Billing, cleared, expired, failed, matched, reply, reported
from tests.fixtures.infrastructure import Infrastructure
from tools.vestnik import replay
from tools.vestnik.replay import Place, Verdict

AMOUNT_UP = "update transfers set amount_micros = amount_micros + 1 where seq = (select {} (seq) from transfers)"
BALANCE_UP = "update accounts set balance_micros = balance_micros + 1 where kind = 'revenue' and balance_micros > 0"
GONE = "delete from transfers where kind = 'late_capture'"


class House:
    """Billing with its facts on the real broker, as the worker's loop puts them there."""

    def __init__(self, database: Database, publisher: Publisher, infrastructure: Infrastructure, events: Path) -> None:
        self.billing = Billing(database)
        self._publisher = publisher
        self._infrastructure = infrastructure
        self._events = events
        self._tenants: set[UUID] = set()
        self._is_exported = False

    async def new_tenant(self, amount: str) -> UUID:
        tenant_id = await self.billing.new_tenant(amount)
        self._tenants.add(tenant_id)
        return tenant_id

    async def feed(self, *events: Event) -> None:
        await self._publisher.publish(events)
        await self._publisher.publish(await self.billing.feed(*events))

    async def replay(self) -> Verdict:
        await Relay(self.billing.database, self._publisher).move_batch()
        name = self.billing.database.engine.url.database
        roles, owners = self._infrastructure.roles["billing"], self._infrastructure.owners["billing"]
        dsn = f"{roles.rpartition('/')[0]}/{name}"
        place = Place(self._infrastructure.kafka.bootstrap_servers, dsn, owners, self._infrastructure.superuser)
        verdict = await asyncio.to_thread(
            replay.run,
            place,
            self._events,
            Progress(disable=True),
            is_exported=self._is_exported,
            is_meant=lambda event: event.tenant_id in self._tenants,
        )
        self._is_exported = True
        return verdict

    async def plant(self, sql: str) -> None:
        """Change the books as nobody may: with every trigger switched off."""
        server = self._infrastructure.superuser.rpartition("/")[0]
        connection = await asyncpg.connect(f"{server}/{self.billing.database.engine.url.database}")
        await connection.execute(f"set session_replication_role = replica; {sql}")
        await connection.close()

    def edit(self, topic: str, change: Callable[[dict[str, object]], bool]) -> None:
        """Change the first fact of an exported file that `change` takes."""
        path = self._events / f"{topic}.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        own = {str(tenant_id) for tenant_id in self._tenants}
        assert any(change(line["value"]) for line in lines if line["value"] and line["value"].get("tenant_id") in own)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def empty(self, topic: str) -> None:
        (self._events / f"{topic}.jsonl").write_text("", encoding="utf-8")


@pytest.fixture
async def house(database: Database, publisher: Publisher, infrastructure: Infrastructure, tmp_path: Path) -> House:
    house = House(database, publisher, infrastructure, tmp_path)
    with clock.frozen(NOON) as time:
        await _a_busy_week(house, time.advance)
    await house.billing.audit()
    return house


async def _a_busy_week(house: House, wait: Callable[[float], None]) -> None:
    """Every way that money can take, of three tenants that share batches."""
    tenants = [await house.new_tenant(amount) for amount in ("10000.00", "60.00", "7.00")]
    for size in (40, 25):
        messages = [(tenants[number % 3], uuid7()) for number in range(size)]
        await house.feed(*(cleared(*message) for message in messages), reply(tenants[0], uuid7()))
        wait(1)
        await house.feed(*(reported(*message, "delivered") if number % 4 else matched(*message, "delivered")
                           for number, message in enumerate(messages) if number % 5))  # fmt: skip
        wait(1)
        await house.feed(*(failed(*message) for message in messages[::5]))
        await house.feed(*(reported(*message, "read") for message in messages[::10]))
    early, overdue, late = (tenants[0], uuid7()), (tenants[0], uuid7()), (tenants[0], uuid7())
    await house.feed(reported(*early, "delivered"), cleared(*early), cleared(*overdue), cleared(*late))
    await house.feed(expired(*late))
    async with house.billing.database.transaction() as connection:
        tenant_id, hold_id = tenants[0], uuid7()
        await holds.open_hold(connection, tenant_id=tenant_id, hold_id=hold_id, amount_micros=9, currency="RUB")
        await holds.capture(connection, tenant_id=tenant_id, hold_id=hold_id, capture_id=uuid7(), amount_micros=4)
    wait(9 * DAY.total_seconds())
    await expiry.sweep(house.billing.database)
    await house.feed(reported(*overdue, "read"))


async def test_a_replay_gives_the_same_journal_and_the_same_balances(house: House) -> None:
    verdict = await house.replay()
    assert [finding.text for finding in verdict.findings] == []
    assert verdict.ours.journal_sha256 == verdict.again.journal_sha256
    assert verdict.ours.balances_sha256 == verdict.again.balances_sha256
    kinds = {json.loads(line)[3] for line in verdict.again.journal}
    assert kinds == {"top_up", "reserve", "capture", "release", "expire", "late_capture",
                     "hold", "hold_capture", "hold_return"}  # fmt: skip


async def test_one_micro_rouble_in_the_books_is_found_wherever_it_is(house: House) -> None:
    assert (await house.replay()).findings == []
    for plan, what in ((AMOUNT_UP.format("min"), "journal, line"), (AMOUNT_UP.format("max"), "journal, line"),
                       (BALANCE_UP, "balances, line"), (GONE, "journal, line")):  # fmt: skip
        await house.plant(plan)
        findings = [finding.text for finding in (await house.replay()).findings]
        assert any(text.startswith(what) for text in findings), (plan, findings)


def more(field: str) -> Callable[[dict[str, object]], bool]:
    """One micro-rouble more, where there is an amount."""

    def change(fact: dict[str, object]) -> bool:
        amount = fact.get(field)
        if not isinstance(amount, int) or not amount:
            return False
        fact[field] = amount + 1
        return True

    return change


async def test_one_micro_rouble_in_the_facts_is_found_and_so_is_a_decision_without_an_event(house: House) -> None:
    assert (await house.replay()).findings == []
    house.edit("charges", more("amount_micros"))
    found = " ".join(finding.text for finding in (await house.replay()).findings)
    assert "micro-units were reserved, but" in found or "journal, line" in found
    house.edit("reservations", more("price_micros"))
    assert any(finding.text.startswith("journal, line") for finding in (await house.replay()).findings)
    house.empty("statuses")
    assert any("no event is behind" in finding.text for finding in (await house.replay()).findings)
