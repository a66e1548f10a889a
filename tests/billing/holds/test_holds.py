"""The behavioural cases H1-H11 and H13 of billing-consent-keys 1.5, on the real database, one after another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.billing.holds import expiry, service
from services.kernel import clock
from services.kernel.clock import FrozenClock
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from tests.billing.stand import Billing

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
CREDIT_OF = "update accounts set credit_limit_micros = {} where tenant_id = '{}' and kind = 'wallet'"


class Payer:
    """A1 of the cases: its holds by name, and how much is pending and posted."""

    def __init__(self, billing: Billing, tenant_id: UUID, time: FrozenClock) -> None:
        self.billing = billing
        self.tenant_id = tenant_id
        self.time = time
        self._ids: dict[str, UUID] = {}

    def id(self, name: str) -> UUID:
        return self._ids.setdefault(name, uuid7())

    async def hold(self, name: str, amount: int, seconds: float | None = None) -> str:
        timeout = None if seconds is None else timedelta(seconds=seconds)
        async with self.billing.database.transaction() as connection:
            return await service.open_hold(
                connection,
                tenant_id=self.tenant_id,
                hold_id=self.id(name),
                amount_micros=amount,
                currency="RUB",
                timeout=timeout,
            )

    async def capture(self, hold: str, amount: int | None = None, *, name: str = "") -> str:
        async with self.billing.database.transaction() as connection:
            return await service.capture(
                connection,
                tenant_id=self.tenant_id,
                capture_id=self.id(name) if name else uuid4(),
                hold_id=self.id(hold),
                amount_micros=amount,
            )

    async def void(self, hold: str, amount: int | None = None, *, name: str = "") -> str:
        async with self.billing.database.transaction() as connection:
            return await service.void(
                connection,
                tenant_id=self.tenant_id,
                void_id=self.id(name) if name else uuid4(),
                hold_id=self.id(hold),
                amount_micros=amount,
            )

    async def after(self, seconds: float) -> tuple[int, int]:
        self.time.advance(seconds)
        await expiry.sweep(self.billing.database)
        return await self.standing()

    async def standing(self) -> tuple[int, int]:
        """Pending, posted."""
        await self.billing.audit()
        rows = await self.billing.rows(
            "select kind, balance_micros from accounts where tenant_id = :t", t=self.tenant_id
        )
        balances = {row.kind: row.balance_micros for row in rows}
        return balances["held"], balances["revenue"]


@pytest.fixture
async def payer(billing: Billing) -> AsyncIterator[Payer]:
    with clock.frozen(NOON) as time:
        yield Payer(billing, await billing.new_tenant("1.00"), time)


Case = Callable[[Payer], Coroutine[Any, Any, None]]


async def h1(payer: Payer) -> None:
    await payer.hold("posted", 15)
    await payer.capture("posted")
    for name, amount, seconds in (
        ("a", 15, 1000),
        ("b", 15, 50),
        ("c", 15, 1),
        ("d", 7, 50),
        ("e", 1, None),
        ("f", 1, None),
    ):
        assert await payer.hold(name, amount, seconds) == "created"
    assert await payer.standing() == (54, 15)


async def h2(payer: Payer) -> None:
    assert await payer.after(1) == (39, 15)


async def h3(payer: Payer) -> None:
    assert await payer.capture("a", 13, name="capture a") == "created"
    assert await payer.standing() == (24, 28)


async def h4(payer: Payer) -> None:
    assert await payer.capture("a", 13, name="capture a") == "exists"


async def h5(payer: Payer) -> None:
    assert await payer.capture("a", 14, name="capture a") == "exists_with_different_amount"
    assert await payer.capture("b", 13, name="capture a") == "exists_with_different_hold"


async def h6(payer: Payer) -> None:
    assert [await payer.void("b", amount, name="void b") for amount in (16, 14, 15, 15)] == [
        "exceeds",
        "different_amount",
        "created",
        "exists",
    ]
    assert await payer.standing() == (9, 28)


async def h7(payer: Payer) -> None:
    assert [await payer.capture(hold) for hold in ("a", "b", "c")] == ["already_posted", "already_voided", "expired"]
    assert [await payer.void(hold) for hold in ("a", "b", "c")] == ["already_posted", "already_voided", "expired"]


async def h8(payer: Payer) -> None:
    assert await payer.capture("d", 8) == "exceeds"
    assert await payer.capture("d") == "created"
    assert await payer.standing() == (2, 35)


async def h9(payer: Payer) -> None:
    assert await payer.capture("e", 0) == "created"
    assert await payer.standing() == (1, 35)


async def h10(payer: Payer) -> None:
    assert await payer.capture("f") == "created"
    assert await payer.standing() == (0, 36)


CASES: tuple[Case, ...] = (h1, h2, h3, h4, h5, h6, h7, h8, h9, h10)


@pytest.mark.parametrize("count", range(1, len(CASES) + 1), ids=[case.__name__.upper() for case in CASES])
async def test_holds_behave_as_the_cases_say(payer: Payer, count: int) -> None:
    for case in CASES[:count]:
        await case(payer)


async def test_h11_holds_end_by_their_time_one_after_another(payer: Payer) -> None:
    for name, amount, seconds in (("w", 10, None), ("x", 11, 1), ("y", 12, 2), ("z", 13, 3)):
        await payer.hold(name, amount, seconds)
    assert await payer.standing() == (46, 0)
    assert [await payer.after(1) for _ in range(3)] == [(35, 0), (23, 0), (10, 0)]
    assert [await payer.capture(name) for name in "xyzw"] == ["expired", "expired", "expired", "created"]
    assert await payer.standing() == (0, 10)


async def test_h13_a_hold_beyond_what_is_left_is_refused_at_once(payer: Payer) -> None:
    poor = Payer(payer.billing, await payer.billing.new_tenant("0.0001"), payer.time)
    await poor.hold("spent", 70)
    await poor.capture("spent")
    assert await poor.hold("more", 50) == "no_balance"
    assert await poor.hold("more", 30) == "created"
    assert await poor.standing() == (30, 70)


async def test_a_credit_limit_covers_a_hold(payer: Payer, owner: Any) -> None:
    poor = Payer(payer.billing, await payer.billing.new_tenant("0.00001"), payer.time)
    await owner.execute(CREDIT_OF.format(5, poor.tenant_id))
    assert [await poor.hold(name, amount) for name, amount in (("a", 16), ("b", 15), ("c", 1))] == [
        "no_balance",
        "created",
        "no_balance",
    ]


async def test_the_same_hold_again_is_answered_by_the_first(payer: Payer) -> None:
    assert [await payer.hold("a", amount, seconds) for amount, seconds in ((5, 9), (5, 9), (6, 9), (5, None))] == [
        "created",
        "exists",
        "exists_with_different_amount",
        "exists_with_different_fields",
    ]


async def test_a_hold_whose_time_is_over_cannot_be_captured_before_the_sweep_comes(payer: Payer) -> None:
    await payer.hold("a", 5, 1)
    payer.time.advance(1)
    assert await payer.capture("a") == "expired"
    assert await payer.standing() == (0, 0)


async def test_a_hold_whose_time_comes_while_it_is_captured_goes_back(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await payer.hold("a", 5, 1)
    moments = iter([NOON + timedelta(seconds=1) - timedelta.resolution])
    monkeypatch.setattr(clock, "now", lambda: next(moments, NOON + timedelta(seconds=1)))
    assert await payer.capture("a", 3, name="capture a") == "expired"
    assert await payer.capture("a", 3, name="capture a") == "expired"
    assert await payer.standing() == (0, 0)
    rows = await payer.billing.rows("select convert_from(value, 'utf8')::jsonb as fact from outbox order by id")
    assert [row.fact["kind"] for row in rows] == ["top_up", "hold", "hold_return"]


async def test_another_tenants_hold_is_not_found(payer: Payer) -> None:
    await payer.hold("a", 5)
    other = Payer(payer.billing, await payer.billing.new_tenant("1.00"), payer.time)
    other._ids = payer._ids
    assert [await other.capture("a"), await other.void("a")] == ["not_found", "not_found"]


async def test_acts_that_race_for_one_hold_end_it_once(payer: Payer, database: Database) -> None:
    await payer.hold("a", 5)
    answers = await asyncio.gather(*(payer.capture("a") for _ in range(4)), *(payer.void("a") for _ in range(4)))
    assert sum(answer == "created" for answer in answers) == 1
    assert await payer.standing() in ((0, 5), (0, 0))


async def test_every_transfer_of_a_hold_is_told(payer: Payer) -> None:
    await payer.hold("a", 5)
    await payer.capture("a", 3)
    rows = await payer.billing.rows("select convert_from(value, 'utf8')::jsonb as fact from outbox order by id")
    told = [(row.fact["kind"], row.fact["amount_micros"]) for row in rows if row.fact["kind"] != "top_up"]
    assert told == [("hold", 5), ("hold_capture", 3), ("hold_return", 2)]
