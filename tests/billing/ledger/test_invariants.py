"""Each invariant of the ledger, attacked with raw SQL as the service's own role (and the owner's), and refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.kernel.db import Database
from services.kernel.errors import sqlstate_of
from services.kernel.identifiers import uuid7
from services.kernel.settings import DatabaseSettings
from tests.billing.stand import Billing, cleared, failed, micros, reply, reported
from tests.fixtures.infrastructure import Infrastructure, sqlalchemy_url

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
    poor: UUID
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
    return World(tenant, other, poor, reserved, captured, released, late, unfunded, free, unknown, rows[0].id)


Attack = Callable[[str], Awaitable[str]]


def attack_as(database: Database, billing: Billing, world: World) -> Attack:
    """Run a statement as that database's role; the SQLSTATE of its refusal. Nothing may have changed by then."""

    async def run(sql: str) -> str:
        before = await billing.snapshot()
        code = ""
        try:
            async with database.transaction() as connection:
                await connection.execute(text(sql), {k: v for k, v in world._asdict().items() if f":{k}" in sql})
        except DBAPIError as error:
            code = sqlstate_of(error)
        assert await billing.snapshot() == before, "the attack changed the books"
        await billing.audit()
        return code

    return run


@pytest.fixture
def attack(billing: Billing, world: World) -> Attack:
    return attack_as(billing.database, billing, world)


@pytest.fixture
async def owners_attack(billing: Billing, world: World, infrastructure: Infrastructure) -> AsyncIterator[Attack]:
    """The same as the role that owns the tables: what is left then are the constraints and the triggers."""
    name = billing.database.engine.url.database or ""
    url = sqlalchemy_url(infrastructure.owners["billing"], name)
    database = Database(DatabaseSettings(url=SecretStr(url)), application_name="attack")
    yield attack_as(database, billing, world)
    await database.close()


def transfer(kind: str, debit: str, credit: str, message: str, amount: object = SIX, **more: str) -> str:
    columns = {"tenant_id": ":tenant", "currency": "'RUB'"} | more
    about = "" if message == "null" else "message_id, "
    value = "" if message == "null" else f"{message}, "
    key = "gen_random_uuid()" if message == "null" else message
    return f"""insert into transfers (id, {about}kind, debit, credit, amount_micros, {", ".join(columns)})
               values ({key}, {value}'{kind}', '{debit}', '{credit}', {amount},
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


ACCOUNTS = {
    "a balance is changed by hand": ("update accounts set balance_micros = balance_micros + 1", NOT_ALLOWED),
    "a credit limit is raised by hand": ("update accounts set credit_limit_micros = 1", NOT_ALLOWED),
    "an account is opened with money in it": (
        "insert into accounts (tenant_id, kind, currency, balance_micros) values (:unknown, 'wallet', 'RUB', 1)",
        NOT_ALLOWED,
    ),
    "an account is removed": ("delete from accounts", NOT_ALLOWED),
}

# Each is refused to the owner of the tables too, with this code; the service's role may not even write these columns.
SUM_IS_ZERO = {
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
           select m.id, :tenant, 'reserve', 'wallet', 'held', 'RUB', m.id, 6000000
             from (select gen_random_uuid() as id from generate_series(1, 20)) as m""",
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
    "a late capture after the capture": (late_capture(":captured"), REFERENCE),
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
}

CORRECTIONS = {
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
        NOT_ALLOWED,
    ),
    "a captured message that the ledger does not have": (
        """update reservations set state = 'captured', captured_at = now(), capture_cause = message_id
            where message_id = :reserved""",
        NOT_ALLOWED,
    ),
    "a reservation without money in held": (
        """insert into reservations (tenant_id, message_id, state, decided_at)
           values (:tenant, :unknown, 'closed', now())""",
        NOT_ALLOWED,
    ),
    "a reserve without its reservation": (reserve(":unknown"), NOT_ALLOWED),
    "a rate card is changed": ("update rate_cards set card = '{}'", NOT_ALLOWED),
    "a hold without money": (
        """insert into holds (tenant_id, id, currency, amount_micros, opened_at)
           values (:tenant, :unknown, 'RUB', 1, now())""",
        NOT_ALLOWED,
    ),
}


def procedure(
    message: str,
    *,
    price: object = SIX,
    month: str = "'2026-03-01'",
    position: object = 99,
    card: int = 2,
    tenant: str = ":tenant",
) -> str:
    return f"""select reserve_charges(array[cast({tenant} as uuid)], array[cast({message} as uuid)], array['utility'],
               cast(array[null] as text[]), cast(array[{price}] as bigint[]), cast(array[{month}] as date[]),
               cast(array[{position}] as bigint[]), array[now()], 'RUB', {card}, now())"""


def end_of(message: str, outcome: str, tenant: str = ":tenant") -> str:
    return f"""select count(*) from end_charges(array[cast({tenant} as uuid)], array[cast({message} as uuid)],
               array['{outcome}'], array[cast(:unknown as uuid)], 'RUB', now())"""


def hold(amount: object, *, ends: str = "null") -> str:
    return f"select open_hold(:tenant, :unknown, {amount}, 'RUB', {ends}, now())"


PROCEDURES = {
    "a reserve beyond the wallet": (procedure(":unknown", price=micros("82.01")), CHECK),
    "a negative price": (procedure(":unknown", price=-1), CHECK),
    "a price without a position": (procedure(":unknown", month="null", position="null"), CHECK),
    "a position before the first": (procedure(":unknown", position=0), CHECK),
    "a message that was decided": (procedure(":released"), UNIQUE),
    "a message that was not funded": (procedure(":unfunded", tenant=":poor"), UNIQUE),
    "a position that is taken": (
        procedure(":unknown", month="date_trunc('month', now() at time zone 'Europe/Moscow')", position=1),
        UNIQUE,
    ),
    "a card that does not exist": (procedure(":unknown", card=99), REFERENCE),
    "a tenant without accounts": (procedure(":unknown", tenant=":unknown"), REFERENCE),
    "a captured message fails": (end_of(":captured", "failed"), ""),
    "a captured message arrives again": (end_of(":captured", "reached"), ""),
    "a late capture comes twice": (end_of(":late", "reached"), ""),
    "a hold runs out that did not": (end_of(":reserved", "overdue"), ""),
    "an unfunded message arrives": (end_of(":unfunded", "reached", ":poor"), ""),
    "an outcome of its own": (end_of(":reserved", "refund"), ""),
    "a hold beyond the wallet": (hold(micros("82.01")), CHECK),
    "a hold of nothing": (hold(0), CHECK),
    "a hold of less than nothing": (hold(-SIX), CHECK),
    "a hold twice": (f"with one as ({hold(1)}) select one.*, {hold(1).removeprefix('select ')} from one", UNIQUE),
    "an end of a hold that is none": ("select end_hold(:tenant, :reserved, 'captured', :unknown, 1, now())", ""),
}

Attacks = dict[str, tuple[str, str]]  # what is tried -> the statement, the SQLSTATE of its refusal ("": no effect)

AS_SERVICE: dict[str, Attacks] = {
    "1 sums are zero": ACCOUNTS,
    "2 amounts are whole": {name: one for name, one in AMOUNTS.items() if "reserve" not in name},
    "6 append only": APPEND_ONLY | CORRECTIONS,
    "7 reservations agree": RESERVATIONS,
    "8 procedures": PROCEDURES,
}
AS_OWNER: dict[str, Attacks] = {
    "1 sums are zero": SUM_IS_ZERO,
    "2 amounts are whole": AMOUNTS,
    "3 the wallet has a floor": WALLET,
    "4 one end per reserve": ONE_END,
    "5 one capture per message": ONE_CAPTURE,
    "6 append only": CORRECTIONS,
}


@pytest.mark.parametrize("attacks", AS_SERVICE.values(), ids=AS_SERVICE.keys())
async def test_the_database_refuses_the_services_own_role(attack: Attack, attacks: Attacks) -> None:
    refusals = {name: await attack(sql) for name, (sql, _) in attacks.items()}
    assert refusals == {name: code for name, (_, code) in attacks.items()}


@pytest.mark.parametrize("attacks", AS_OWNER.values(), ids=AS_OWNER.keys())
async def test_the_constraints_refuse_whoever_writes(owners_attack: Attack, attacks: Attacks) -> None:
    refusals = {name: await owners_attack(sql) for name, (sql, _) in attacks.items()}
    assert refusals == {name: code for name, (_, code) in attacks.items()}


async def test_the_services_role_writes_no_charge_but_through_the_procedures(attack: Attack) -> None:
    charges = {n: sql for family in AS_OWNER.values() for n, (sql, _) in family.items() if "message_id" in sql}
    assert len(charges) > 20
    assert {name: await attack(sql) for name, sql in charges.items()} == dict.fromkeys(charges, NOT_ALLOWED)


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
        end_of(":released", "reached"),
        procedure(":unknown", price=SIX),
        hold(1).replace(":unknown", ":other"),
    )
    for sql in statements:
        async with billing.database.transaction() as connection:
            await connection.execute(text(sql), {k: v for k, v in world._asdict().items() if f":{k}" in sql})
    assert (await billing.balance(world.tenant))[0] == micros("82") + SIX - 1 - SIX - SIX - 1
    await billing.audit_balances()


async def test_two_transactions_cannot_spend_the_same_money(world: World, billing: Billing) -> None:
    async def spend(position: int) -> str:
        sql = procedure("gen_random_uuid()", price=micros("50.00"), position=position)
        try:
            async with billing.database.transaction() as connection:
                await connection.execute(text(sql), {"tenant": world.other})
        except DBAPIError as error:
            return sqlstate_of(error)
        return "booked"

    assert sorted(await asyncio.gather(*(spend(n) for n in range(1, 5)))) == [CHECK, CHECK, "booked", "booked"]
    assert await billing.balance(world.other) == (0, micros("100"))


async def test_a_late_capture_is_the_one_thing_that_may_pass_the_floor(billing: Billing) -> None:
    tenant = await billing.new_tenant("6.00")
    first, second = uuid7(), uuid7()
    await billing.feed(cleared(tenant, first), failed(tenant, first), cleared(tenant, second))
    await billing.feed(reported(tenant, first, "delivered"))
    assert await billing.balance(tenant) == (-SIX, SIX)
    assert await billing.steps(first) == ["reserve", "release", "late_capture"]
