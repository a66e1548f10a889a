"""The order of states: one rule, said in Python and in SQL."""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest
from sqlalchemy import text

from services.gateway.messages import repository
from services.gateway.messages.states import State, may_move
from services.kernel.db import Database

REASONS = (None, "unknown", "meta_refused")


async def test_the_database_moves_exactly_what_the_rule_allows(
    make_database: Callable[[str], Awaitable[Database]],
) -> None:
    database = await make_database("gateway")
    statement = text(
        f"""select m.state, excluded.state as wanted, m.error_reason, ({repository._MAY_MOVE}) as moves
              from unnest(cast(:olds as int[]), cast(:reasons as text[])) as m (state, error_reason)
             cross join unnest(cast(:wanted as int[])) as excluded (state)"""
    )
    before = list(product(State, REASONS))
    columns = {"olds": [old for old, _ in before], "reasons": [r for _, r in before], "wanted": list(State)}
    async with database.transaction() as connection:
        rows = (await connection.execute(statement, columns)).all()
    assert len(rows) == len(State) ** 2 * len(REASONS)
    for row in rows:
        expected = may_move(State(row.state), State(row.wanted), reason=row.error_reason)
        assert row.moves is expected, (State(row.state), State(row.wanted), row.error_reason)


@pytest.mark.parametrize("new", list(State))
def test_nothing_moves_back_or_stays_and_counts_as_moved(new: State) -> None:
    for old in State:
        if may_move(old, new) and old is not State.EXPIRED:
            assert new > old


@pytest.mark.parametrize("reason", ["meta_refused", "no_consent", "no_balance"])
def test_a_refusal_is_the_end(reason: str) -> None:
    assert not any(may_move(State.FAILED, new, reason=reason) for new in State)


def test_a_guess_gives_way_to_a_report_and_to_nothing_else() -> None:
    lifted = [State.SENT, State.DELIVERED, State.READ]
    assert [new for new in State if may_move(State.FAILED, new, reason="unknown")] == lifted
    assert [new for new in State if may_move(State.EXPIRED, new)] == lifted


def test_a_delivered_message_neither_fails_nor_expires() -> None:
    assert not any(may_move(old, new) for old in (State.DELIVERED, State.READ) for new in (State.FAILED, State.EXPIRED))
