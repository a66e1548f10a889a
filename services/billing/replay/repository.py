"""All SQL of the replay slice."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The order is that of the books: each tenant's are its own, and there `seq` is the order of commits. Left out are `seq`
# itself (it has gaps) and `reference` (words of staff, never published).
_JOURNAL = text("""
    select cast(json_build_array(tenant_id, id, step, kind, debit, credit, currency, amount_micros, message_id, hold_id,
                                 corrects, booked_at) as text)
      from transfers
     order by tenant_id, seq
""")
_BALANCES = text("""
    select cast(json_build_array(tenant_id, kind, currency, balance_micros) as text)
      from accounts
     where balance_micros <> 0
     order by tenant_id, kind, currency
""")
_SNAPSHOT = text("set transaction isolation level repeatable read, read only")
_CARDS = text("select version, cast(card as text) as card, effective_from from rate_cards order by version")
_ADD_CARD = text("""
    insert into rate_cards (version, card, effective_from) values (:version, cast(:card as jsonb), :effective_from)
    on conflict (version) do nothing
""")
# A limit is a permission of its time, no money: a replay asks only whether what was booked comes out the same.
_UNLIMITED = text("update accounts set credit_limit_micros = 1000000000000000000 where kind = 'wallet'")

LINES_AT_ONCE = 1_000


class Card(NamedTuple):
    """A rate card as it is stored."""

    version: int
    card: str
    effective_from: Any


async def take_snapshot(connection: AsyncConnection) -> None:
    """Everything that this transaction reads is of one moment."""
    await connection.execute(_SNAPSHOT)


async def journal(connection: AsyncConnection) -> AsyncIterator[str]:
    """Every transfer as one line of JSON, in the order of the books."""
    result = await connection.stream(_JOURNAL, execution_options={"yield_per": LINES_AT_ONCE})
    async for row in result:
        yield row[0]


async def balances(connection: AsyncConnection) -> list[str]:
    """Every account with money in it as one line of JSON."""
    return list((await connection.execute(_BALANCES)).scalars())


async def list_cards(connection: AsyncConnection) -> list[Card]:
    return [Card(*row) for row in await connection.execute(_CARDS)]


async def add_cards(connection: AsyncConnection, cards: Sequence[Card]) -> None:
    """As the owner of the tables."""
    for card in cards:
        await connection.execute(_ADD_CARD, card._asdict())


async def lift_limits(connection: AsyncConnection) -> None:
    """As the owner of the tables."""
    await connection.execute(_UNLIMITED)
