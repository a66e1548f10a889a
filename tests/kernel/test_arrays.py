"""Arrays written and read by the kernel are those that PostgreSQL and asyncpg know."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.arrays import _ARRAYS
from services.kernel.db import Database

MakeDatabase = Callable[[str], Awaitable[Database]]

_MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uuid[]": st.uuids(),
    "text[]": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "bytea[]": st.binary(),
    "boolean[]": st.booleans(),
    "smallint[]": st.integers(-(2**15), 2**15 - 1),
    "integer[]": st.integers(-(2**31), 2**31 - 1),
    "bigint[]": st.integers(-(2**63), 2**63 - 1),
    "double precision[]": st.floats(allow_nan=False),
    "timestamptz[]": _MOMENTS,
    "date[]": st.dates(date(1, 1, 1)),
}
UNFIT = [
    ("uuid[]", "abc"),
    ("uuid[]", ["no id"]),
    ("text[]", "abc"),
    ("text[]", [1]),
    ("smallint[]", [2**15]),
    ("integer[]", [2**31]),
    ("integer[]", ["1"]),
    ("bigint[]", [1.5]),
    ("timestamptz[]", [datetime(2026, 1, 1)]),  # noqa: DTZ001
    ("date[]", [3]),
    ("bytea[]", ["abc"]),
]


@pytest.fixture
async def connection(make_database: MakeDatabase) -> AsyncIterator[AsyncConnection]:
    database = await make_database("billing")
    async with database.engine.connect() as connection:
        yield connection


async def test_an_array_comes_back_as_it_was_and_reads_like_its_text(connection: AsyncConnection) -> None:
    for array in _ARRAYS:
        element = array.name.removesuffix("[]")
        back = text(f"select cast(:x as {array.name}), array(select cast(cast(y as text) as {element}) from "
                    f"unnest(cast(:x as {array.name})) with ordinality as z (y, i) order by i)")  # fmt: skip
        for values in _lists(VALUES[array.name]):
            assert (await connection.execute(back, {"x": values})).one() == (values, values)


def _lists(elements: st.SearchStrategy[Any]) -> list[list[Any]]:
    found: list[list[Any]] = [[], [None]]

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.none() | elements, max_size=20))
    def collect(values: list[Any]) -> None:
        found.append(values)

    collect()
    return found


async def test_a_moment_is_the_same_from_any_time_zone(connection: AsyncConnection) -> None:
    here = datetime(2026, 3, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    assert await connection.scalar(text("select (cast(:x as timestamptz[]))[1]"), {"x": [here]}) == here


async def test_what_does_not_fit_the_type_is_an_error(connection: AsyncConnection) -> None:
    for name, values in UNFIT:
        with pytest.raises(DBAPIError, match="invalid input for query argument"):
            await connection.execute(text(f"select cast(:x as {name})"), {"x": values})
        await connection.rollback()


async def test_ids_in_an_array_are_ids_like_any_other(connection: AsyncConnection) -> None:
    one = UUID(int=1)
    (found,) = await connection.scalar(text("select array(select * from unnest(cast(:x as uuid[])))"), {"x": [one]})
    assert (type(found), found) == (UUID, one)
