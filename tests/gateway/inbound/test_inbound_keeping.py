"""What people wrote is removed when it is older than messages are kept, a batch at a time."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from services.gateway.inbound import keeping
from services.kernel.db import Database

ADD = """
insert into inbound_messages (tenant_id, id, phone_number_id, person, window_expires_at, stored_at)
select gen_random_uuid(), gen_random_uuid(), '1', 'p', now(), now() - make_interval(days => :age)
  from generate_series(1, cast(:count as int))
"""


async def test_old_messages_go_in_batches_and_the_rest_stays(
    make_database: Callable[[str], Awaitable[Database]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BATCH_MAX", 2)
    database = await make_database("gateway")
    async with database.transaction() as connection:
        for age, count in ((0, 1), (99, 2), (101, 5)):
            await connection.execute(text(ADD), {"age": age, "count": count})
    assert await keeping.prune(database, days=100) == 5
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from inbound_messages")) == 3
