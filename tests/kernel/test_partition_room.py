"""Day partitions keep as much room for new versions as their table's default partition does."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from services.kernel import partitions
from services.kernel.db import Database

ROOM = """
select distinct array_to_string(child.reloptions, ',')
  from pg_inherits join pg_class child on child.oid = inhrelid
 where inhparent = to_regclass(:parent) and child.relname ~ '[0-9]{8}$'
"""


@pytest.mark.parametrize(
    ("parent", "room"),
    [
        ("messages", "fillfactor=45"),
        ("message_bodies", "fillfactor=100"),
        ("callback_attempts", "fillfactor=70"),
        ("seen", "fillfactor=100"),
    ],
)
async def test_a_day_keeps_the_room_that_its_table_asks_for(
    make_database: Callable[[str], Awaitable[Database]], parent: str, room: str
) -> None:
    database = await make_database("gateway")
    await partitions.ensure(database, {parent: "time" if parent == "seen" else "uuid7"})
    async with database.transaction() as connection:
        assert list(await connection.scalars(text(ROOM), {"parent": parent})) == [room]
