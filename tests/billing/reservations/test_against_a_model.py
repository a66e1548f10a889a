"""Several tenants, credit, top-ups, any order, repetitions and losses: the books are those of a small model."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.billing.ledger import service as ledger
from services.kernel.contracts import Event
from services.kernel.identifiers import uuid7
from tests.billing.reservations.test_properties import STEPS, by_id, feed_in_batches
from tests.billing.stand import Billing, reply

SIX = 6_000_000
TENANTS, MESSAGES = 3, 9  # a message belongs to the tenant of its number; the last three are free replies
FREE_FROM = 6
CREDIT = "update accounts set credit_limit_micros = {} where tenant_id = '{}' and kind = 'wallet'"


class Act(NamedTuple):
    """A step of a message, or (`step` "top up") money that comes in for the tenant of that number."""

    number: int
    step: str


ACTS = st.builds(Act, st.integers(0, MESSAGES - 1), st.sampled_from([*sorted(STEPS), "top up"]))
# How many messages each tenant can pay at first, and how many more on credit.
FUNDS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=TENANTS, max_size=TENANTS)
CUTS = st.lists(st.integers(1, 8), min_size=1, max_size=40)
SLOW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Model:
    """What must come out, one act after another, in units of one message's price."""

    def __init__(self, funds: Sequence[tuple[int, int]]) -> None:
        self.wallet = [money for money, _ in funds]
        self.credit = [credit for _, credit in funds]
        self.held = [0] * TENANTS
        self.states: dict[int, str] = {}
        self._early: set[int] = set()

    def act(self, act: Act) -> None:
        match act.step:
            case "top up":
                self.wallet[act.number % TENANTS] += 1
            case "cleared":
                self._clear(act.number)
            case "delivered without our id":
                pass
            case "delivered" | "read" | "delivered by wamid":
                self._end(act.number, is_reached=True)
            case _:
                self._end(act.number, is_reached=False)

    def _clear(self, number: int) -> None:
        if number in self.states:
            return
        tenant, price = number % TENANTS, 0 if number >= FREE_FROM else 1
        if price > max(0, self.wallet[tenant] + self.credit[tenant]):
            self.states[number] = "unfunded"
            return
        self.wallet[tenant] -= price
        self.held[tenant] += price
        self.states[number] = "reserved"
        if number in self._early:
            self._end(number, is_reached=True)

    def _end(self, number: int, *, is_reached: bool) -> None:
        tenant, price, state = number % TENANTS, 0 if number >= FREE_FROM else 1, self.states.get(number)
        if state is None and is_reached:
            self._early.add(number)
        elif state is None and number not in self._early:
            self.states[number] = "closed"
        elif state == "reserved":
            self.held[tenant] -= price
            self.wallet[tenant] += 0 if is_reached else price
            self.states[number] = "captured" if is_reached else "released"
        elif state == "released" and is_reached:
            self.wallet[tenant] -= price
            self.states[number] = "captured"


@SLOW
@given(acts=st.lists(ACTS, min_size=1, max_size=50), funds=FUNDS, cuts=CUTS)
async def test_the_books_are_those_of_the_model(
    billing: Billing, owner: asyncpg.Connection, acts: list[Act], funds: list[tuple[int, int]], cuts: list[int]
) -> None:
    tenants = [await _open(billing, owner, money, credit) for money, credit in funds]
    messages = [uuid7() for _ in range(MESSAGES)]
    model = Model(funds)
    told = by_id(await _play(billing, acts, tenants, messages, cuts))
    for act in acts:
        model.act(act)
    await billing.audit()
    for number, tenant in enumerate(tenants):
        assert await billing.balance(tenant) == (model.wallet[number] * SIX, model.held[number] * SIX)
    assert {number: await billing.state(messages[number]) for number in model.states} == model.states
    await _nothing_changes_when_all_comes_again(billing, acts, tenants, messages, told)


async def _open(billing: Billing, owner: asyncpg.Connection, money: int, credit: int) -> UUID:
    tenant_id: UUID = uuid7()
    async with billing.database.transaction() as connection:
        await ledger.lock_wallets(connection, [tenant_id], "RUB")  # opens the accounts
    if money:
        await billing.top_up(tenant_id, f"{money * 6}.00")
    await owner.execute(CREDIT.format(credit * SIX, tenant_id))
    return tenant_id


async def _play(
    billing: Billing, acts: Sequence[Act], tenants: Sequence[UUID], messages: Sequence[UUID], cuts: Sequence[int]
) -> list[Any]:
    answers: list[Any] = []
    waiting: list[Event] = []
    for act in acts:
        if act.step == "top up":
            answers += await feed_in_batches(billing, waiting, cuts)
            waiting = []
            await billing.top_up(tenants[act.number % TENANTS], "6.00")
        else:
            waiting.append(_event(act, tenants, messages))
    return answers + await feed_in_batches(billing, waiting, cuts)


def _event(act: Act, tenants: Sequence[UUID], messages: Sequence[UUID]) -> Event:
    tenant, message = tenants[act.number % TENANTS], messages[act.number]
    if act.step == "cleared" and act.number >= FREE_FROM:
        return reply(tenant, message)
    return STEPS[act.step](tenant, message)


async def _nothing_changes_when_all_comes_again(
    billing: Billing,
    acts: Sequence[Act],
    tenants: Sequence[UUID],
    messages: Sequence[UUID],
    told: dict[UUID, Any],
) -> None:
    before = await billing.snapshot()
    events = [_event(act, tenants, messages) for act in acts if act.step != "top up"]
    assert by_id(await feed_in_batches(billing, events, [len(events) or 1])) == told
    assert await billing.snapshot() == before
