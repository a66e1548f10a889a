"""Deleting at Meta what tenants deleted here, once no accepted message can name it any more."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from services.gateway.keys.service import Keyring
from services.gateway.media import details, metrics, repository
from services.gateway.tenants.service import Directory
from services.gateway.upstream.service import Upstream
from services.kernel.db import Database
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger
from services.kernel.periodic import every

EVERY_SECONDS = 60.0
BATCH = 50

_log = get_logger()


class Withdrawals:
    """The worker's task. As well as it can be done: what Meta does not delete then it forgets after 30 days."""

    def __init__(self, *, database: Database, keyring: Keyring, directory: Directory, upstream: Upstream) -> None:
        self._database = database
        self._keyring = keyring
        self._directory = directory
        self._upstream = upstream

    async def run(self, stop: asyncio.Event) -> None:
        await every(EVERY_SECONDS, self.withdraw_all, stop, name="media at Meta")

    async def withdraw_all(self) -> None:
        """Everything whose time has come."""
        while len(await self._withdraw()) == BATCH:
            continue

    async def _withdraw(self) -> Sequence[Row[Any]]:
        async with self._database.transaction() as connection:
            due = await repository.withdraw(connection, count=BATCH)
        for row in due:
            await self._delete(row)
        return due

    async def _delete(self, row: Row[Any]) -> None:
        try:
            number = await self._directory.number(row.phone_number_id)
            if number is None or number.tenant_id != row.tenant_id:
                return
            known = await details.unseal(self._keyring, row.tenant_id, row.id, row.details)
            await self._upstream.request(number, "DELETE", f"/{known.meta_id}")
            metrics.REMOVED.labels("at_meta").inc()
        except ServiceError as error:
            _log.warning("file is not deleted at Meta", tenant_id=str(row.tenant_id), error_class=type(error).__name__)
