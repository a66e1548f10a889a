"""What no tenant came for is removed in the end, a batch at a time."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.kernel import clock
from services.kernel.db import Database
from services.kernel.identifiers import first_uuid7
from services.webhook.quarantine import keeping

ADD = """
insert into quarantine (id, held_at, reason, content)
select cast(:id as uuid), now(), 'malformed', '' on conflict do nothing
"""


async def test_old_rows_go_in_batches_and_the_rest_stays(
    make_database: Callable[[str], Awaitable[Database]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BATCH_MAX", 2)
    database = await make_database("webhook")
    now = clock.now()
    async with database.transaction() as connection:
        for days in (1, 89, 91, 92, 93, 400, 500):
            await connection.execute(text(ADD), {"id": first_uuid7(now - timedelta(days=days))})
    assert await keeping.prune(database, days=90) == 5
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from quarantine")) == 2
