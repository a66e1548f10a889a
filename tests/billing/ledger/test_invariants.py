"""Each invariant of the ledger, attacked with raw SQL as the service's own role (and the owner's), and refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from services.kernel.errors import sqlstate_of
from tests.billing.stand import Billing, cleared, failed, micros, reply, reported

NOT_ALLOWED = "42501"
CHECK = "23514"
UNIQUE = "23505"
REFERENCE = "23503"
REFUSED = "23001"
OUT_OF_RANGE = "22003"

SIX = 6_000_000


class World(NamedTuple):
    """A tenant with 100 RUB paid in, a message in every state, and another tenant."""

    tenant: UUID
    other: UUID
    reserved: UUID
    captured: UUID
    released: UUID
    late: UUID
    unfunded: UUID
    free: UUID
    unknown: UUID
    transfer: UUID


@pytest.fixture
async def world(billing: Billing) -> World:
    tenant, other, poor = await billing.new_tenant("100.00"), await billing.new_tenant("100.00"), uuid7()
    reserved, captured, released, late, unfunded, free, unknown = (uuid7() for _ in range(7))
    await billing.feed(*(cleared(tenant, message) for message in (reserved, captured, released, late)))
    await billing.feed(reply(tenant, free), cleared(poor, unfunded))
    await billing.feed(reported(tenant, captured, "delivered"), failed(tenant, released), failed(tenant, late))
    await billing.feed(reported(tenant, late, "delivered"))
    rows = await billing.rows("select id from transfers where message_id = :id and kind = 'reserve'", id=reserved)
    return World(tenant, other, reserved, captured, released, late, unfunded, free, unknown, rows[0].id)


Attack = Callable[[str], Awaitable[str]]


@pytest.fixture
def attack(billing: Billing, world: World) -> Attack:
    """Run a statement as the service's role; the SQLSTATE of its refusal. Nothing may have changed by then."""

    async def run(sql: str) -> str:
        before = await billing.snapshot()
        code = ""
        try:
            async with billing.database.transaction() as connection:
                await connection.execute(text(sql), {k: v for k, v in world._asdict().items() if f":{k}" in sql})
        except DBAPIError as error:
            code = sqlstate_of(error)
        assert await billing.snapshot() == before, "the attack changed the books"
        await billing.audit()
        return code

    return run


def transfer(kind: str, debit: str, credit: str, message: str, amount: object = SIX, **more: str) -> str:
    columns = {"tenant_id": ":tenant", "currency": "'RUB'"} | more
    return f"""insert into transfers (id, kind, debit, credit, message_id, amount_micros, {", ".join(columns)})
               values (gen_random_uuid(), '{kind}', '{debit}', '{credit}', {message}, {amount},
                       {", ".join(columns.values())})"""


def reserve(message: str, amount: object = SIX, **more: str) -> str:
    return transfer("reserve", "wallet", "held", message, amount, **more)


def capture(message: str, amount: object = SIX, **more: str) -> str:
    return transfer("capture", "held", "revenue", message, amount, **more)


def release(message: str, amount: object = SIX) -> str:
    return transfer("release", "held", "wallet", message, amount)


def late_capture(message: str, amount: object = SIX) -> str:
    return transfer("late_capture", "wallet", "revenue", message, amount)


def top_up(amount: object, reference: str = "attack", **more: str) -> str:
    return transfer("top_up", "cash_in", "wallet", "null", amount, reference=f"'{reference}'", **more)


SUM_IS_ZERO = {
    "a balance is changed by hand": ("update accounts set balance_micros = balance_micros + 1", NOT_ALLOWED),
    "a credit limit is raised by hand": ("update accounts set credit_limit_micros = 1", NOT_ALLOWED),
    "an account is opened with money in it": (
        "insert into accounts (tenant_id, kind, currency, balance_micros) values (:unknown, 'wallet', 'RUB', 1)",
        NOT_ALLOWED,
    ),
    "an account is removed": ("delete from accounts", NOT_ALLOWED),
    "money moves from an account to itself": (transfer("reserve", "wallet", "wallet", ":unknown"), CHECK),
    "money goes to an account of its own invention": (transfer("reserve", "wallet", "mine", ":unknown"), CHECK),
    "a kind uses another kind's accounts": (transfer("capture", "wallet", "revenue", ":reserved"), CHECK),
    "a kind nobody knows": (transfer("gift", "cash_in", "wallet", ":reserved"), CHECK),
    "the two sides are in different currencies": (reserve(":unknown", currency="'USD'"), REFERENCE),
    "a tenant without accounts": (top_up(SIX, tenant_id=":unknown"), REFERENCE),
}

AMOUNTS = {
    "nothing moves": (top_up(0), CHECK),
    "less than nothing moves": (top_up(-SIX), CHECK),
    "a negative reserve takes from held": (reserve(":unknown", -SIX), CHECK),
    "half a micro-unit": (top_up("'0.5'"), "22P02"),
    "more than the unit can hold": (top_up(2**63), OUT_OF_RANGE),
    "a sum that the account cannot hold": (top_up(2**63 - 1), OUT_OF_RANGE),
}

WALLET = {
    "a reserve beyond the wallet": (reserve(":unknown", micros("82.01")), CHECK),
    "many reserves that only together go beyond it": (
        """insert into transfers (id, tenant_id, kind, debit, credit, currency, message_id, amount_micros)
           select gen_random_uuid(), :tenant, 'reserve', 'wallet', 'held', 'RUB', gen_random_uuid(), 6000000
             from generate_series(1, 20)""",
        CHECK,
    ),
    "a reserve hidden behind a late capture": (
        f"with late as ({late_capture(':released')}) {reserve(':unknown', micros('76.01'))}",
        CHECK,
    ),
}

ONE_END = {
    "a second reserve": (reserve(":reserved"), UNIQUE),
    "a capture of less": (capture(":reserved", SIX - 1), REFERENCE),
    "a capture of more": (capture(":reserved", SIX + 1), REFERENCE),
    "a capture of a fraction more, which rounds": (capture(":reserved", "6000000.6"), REFERENCE),
    "a release of more": (release(":reserved", SIX + 1), REFERENCE),
    "a capture without a reserve": (capture(":unknown"), REFERENCE),
    "a capture of a free message": (capture(":free"), REFERENCE),
    "a capture of an unfunded message": (capture(":unfunded"), REFERENCE),
    "a capture of another tenant's reserve": (capture(":reserved", tenant_id=":other"), REFERENCE),
    "a release after the capture": (release(":captured"), UNIQUE),
    "an expiry after the release": (transfer("expire", "held", "wallet", ":released"), UNIQUE),
    "a capture after the release": (capture(":released"), UNIQUE),
    "capture and release at once": (f"with one as ({capture(':reserved')}) {release(':reserved')}", UNIQUE),
    "a charge without a message": (capture("null"), CHECK),
    "a top-up that claims a message": (
        transfer("top_up", "cash_in", "wallet", ":reserved", reference="'attack'"),
        CHECK,
    ),
}

ONE_CAPTURE = {
    "a second capture": (capture(":captured"), UNIQUE),
    "a late capture after the capture": (late_capture(":captured"), UNIQUE),
    "a late capture of what is still held": (late_capture(":reserved"), REFERENCE),
    "a second late capture": (late_capture(":late"), UNIQUE),
    "a late capture of another amount": (late_capture(":released", 1), REFERENCE),
    "a reference that was booked": (
        f"with one as ({top_up(SIX, 'twice')}) {top_up(SIX, 'twice')}",
        UNIQUE,
    ),
}

APPEND_ONLY = {
    "an update": ("update transfers set amount_micros = 1", NOT_ALLOWED),
    "a delete": ("delete from transfers", NOT_ALLOWED),
    "a truncate": ("truncate transfers", NOT_ALLOWED),
    "a trigger switched off": ("alter table transfers disable trigger all", NOT_ALLOWED),
    "triggers switched off for the session": ("set session_replication_role = replica", NOT_ALLOWED),
    "a correction that names nothing": (
        transfer("adjustment", "revenue", "wallet", "null", reference="'attack'"),
        CHECK,
    ),
    "a correction of what does not exist": (
        transfer("adjustment", "revenue", "wallet", "null", reference="'attack'", corrects=":unknown"),
        REFERENCE,
    ),
    "a correction of another tenant's transfer": (
        transfer(
            "adjustment", "wallet", "cash_in", "null", 1, reference="'a'", corrects=":transfer", tenant_id=":other"
        ),
        REFERENCE,
    ),
    "a correction that takes from held": (
        transfer("adjustment", "held", "wallet", "null", reference="'attack'", corrects=":transfer"),
        CHECK,
    ),
    "a sequence number of its own": (
        top_up(SIX, seq="1"),
        "428C9",
    ),
}

RESERVATIONS = {
    "a price is changed": ("update reservations set price_micros = 1", NOT_ALLOWED),
    "a reservation is removed": ("delete from reservations", NOT_ALLOWED),
    "a capture is taken back": (
        """update reservations set state = 'reserved', captured_at = null, capture_cause = null
            where message_id = :captured""",
        REFUSED,
    ),
    "an unfunded message is revived": (
        "update reservations set state = 'reserved' where message_id = :unfunded",
        REFUSED,
    ),
    "a captured message that the ledger does not have": (
        """update reservations set state = 'captured', captured_at = now(), capture_cause = message_id
            where message_id = :reserved""",
        REFERENCE,
    ),
    "a funded message without money in held": (
        """insert into reservations (tenant_id, message_id, state, decided_at, price_micros, currency,
                                     rate_card_version, is_free, month, position, hold_expires_at)
           values (:tenant, :unknown, 'reserved', now(), 6000000, 'RUB', 1, false, '2026-03-01', 99, now())""",
        REFERENCE,
    ),
    "a position that is taken": (
        """insert into reservations (tenant_id, message_id, state, decided_at, price_micros, currency,
                                     rate_card_version, is_free, month, position, hold_expires_at)
           select tenant_id, :unknown, 'reserved', now(), 0, 'RUB', 1, false, month, position, now()
             from reservations where message_id = :reserved""",
        UNIQUE,
    ),
    "a price of a card that does not exist": (
        """insert into reservations (tenant_id, message_id, state, decided_at, price_micros, currency,
                                     rate_card_version, is_free, hold_expires_at)
           values (:tenant, :unknown, 'reserved', now(), 0, 'RUB', 99, true, now())""",
        REFERENCE,
    ),
    "a rate card is changed": ("update rate_cards set card = '{}'", NOT_ALLOWED),
}

ATTACKS = {
    f"{number} {family}: {name}": attack
    for number, family, attacks in (
        (1, "sums are zero", SUM_IS_ZERO),
        (2, "amounts are whole", AMOUNTS),
        (3, "the wallet has a floor", WALLET),
        (4, "one end per reserve", ONE_END),
        (5, "one capture per message", ONE_CAPTURE),
        (6, "append only", APPEND_ONLY),
        (7, "reservations agree", RESERVATIONS),
    )
    for name, attack in attacks.items()
}


@pytest.mark.parametrize(("sql", "code"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_the_database_refuses_the_services_own_role(attack: Attack, sql: str, code: str) -> None:
    assert await attack(sql) == code


@pytest.mark.parametrize(
    "sql",
    [
        "update transfers set amount_micros = 1",
        "delete from transfers",
        "truncate transfers",
        "update accounts set balance_micros = 0",
        "insert into accounts (tenant_id, kind, currency, balance_micros)"
        " values (gen_random_uuid(), 'wallet', 'RUB', 1)",
        "delete from accounts",
        "delete from reservations",
        "update reservations set price_micros = 1 where price_micros > 0",
        "update rate_cards set effective_from = now()",
    ],
)
async def test_the_owner_is_refused_too(world: World, billing: Billing, owner: Any, sql: str) -> None:
    before = await billing.snapshot()
    with pytest.raises(Exception, match=r"never changed|are kept|by transfers only|nothing in it"):
        await owner.execute(sql)
    assert await billing.snapshot() == before


async def test_what_is_not_an_attack_is_booked(world: World, billing: Billing) -> None:
    """The refusals above are not refusals of everything."""
    statements = (
        top_up(SIX),
        transfer("adjustment", "wallet", "cash_in", "null", 1, reference="'back'", corrects=":transfer"),
        late_capture(":released"),
    )
    for sql in statements:
        async with billing.database.transaction() as connection:
            await connection.execute(text(sql), {k: v for k, v in world._asdict().items() if f":{k}" in sql})
    assert (await billing.balance(world.tenant))[0] == micros("82") + SIX - 1 - SIX


async def test_two_transactions_cannot_spend_the_same_money(world: World, billing: Billing) -> None:
    async def spend() -> str:
        sql = reserve("gen_random_uuid()", micros("50.00"))
        try:
            async with billing.database.transaction() as connection:
                await connection.execute(text(sql), {"tenant": world.other})
        except DBAPIError as error:
            return sqlstate_of(error)
        return "booked"

    assert sorted(await asyncio.gather(*(spend() for _ in range(4)))) == [CHECK, CHECK, "booked", "booked"]
    assert await billing.balance(world.other) == (0, micros("100"))


async def test_a_late_capture_is_the_one_thing_that_may_pass_the_floor(billing: Billing) -> None:
    tenant = await billing.new_tenant("6.00")
    first, second = uuid7(), uuid7()
    await billing.feed(cleared(tenant, first), failed(tenant, first), cleared(tenant, second))
    async with billing.database.transaction() as connection:
        await connection.execute(text(late_capture(":first")), {"tenant": tenant, "first": first})
    assert await billing.balance(tenant) == (-SIX, SIX)
