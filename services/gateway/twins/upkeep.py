"""What the worker does for test twins now and then: the sandbox knows their numbers, they have their templates."""

import asyncio
import json
import re
from typing import Any

import aiohttp
from sqlalchemy import Row

from services.gateway.tenants.service import Directory
from services.gateway.twins import repository, service
from services.kernel.db import Database
from services.kernel.logging import get_logger
from services.kernel.periodic import every

REGISTER_SECONDS = 2.0  # a new test number answers with its own name after this time
REGISTER_AGAIN_SECONDS = 86_400.0  # a sandbox may have been set up anew
REGISTERED_AT_ONCE_MAX = 100
CALL_TIMEOUT_SECONDS = 2.0
COPY_SECONDS = 60.0

# Of one template, which would be refused again: it is told with the others the next day, not every two seconds.
REFUSED_FOR_GOOD = frozenset({400, 409, 413, 422})
TEMPLATES_MAX = 1_000  # of one test number; Meta allows 250 to 6,000

_log = get_logger()
_NAMED = re.compile(r"\{\{\s*[A-Za-z_]")


class Upkeep:
    """Keeps twins as they should be; any number of workers may do so at once."""

    def __init__(self, database: Database, directory: Directory, *, sandbox_url: str, control_token: str = "") -> None:
        self._database = database
        self._directory = directory
        self._url = sandbox_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {control_token}"} if control_token else {},
            timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(every(REGISTER_SECONDS, self.register, stop, name="test numbers"))
            group.create_task(every(COPY_SECONDS, self.copy, stop, name="test templates"))

    async def copy(self) -> None:
        async with self._database.transaction() as connection:
            await service.copy_templates(connection)

    async def register(self) -> None:
        """Tell the sandbox of test numbers and templates it does not know; what fails is tried again the next time."""
        async with self._database.transaction() as connection:
            ids = await repository.unregistered(
                connection, after_seconds=REGISTER_AGAIN_SECONDS, count=REGISTERED_AT_ONCE_MAX
            )
        for phone_number_id in ids:
            await self._register(phone_number_id)

    async def _register(self, phone_number_id: str) -> None:
        number = await self._directory.number(phone_number_id)
        if number is None:
            return
        async with self._database.transaction() as connection:
            templates = await repository.templates(
                connection, tenant_id=number.tenant_id, waba_id=number.waba_id, count=TEMPLATES_MAX
            )
        known = {"waba_id": number.waba_id, "display_phone_number": number.display_phone_number}
        if not _is_taken(await self._put(f"numbers/{phone_number_id}", known)):
            return
        for row in templates:
            status = await self._put(f"templates/{row.name}", _template(row, number.waba_id))
            if not _is_taken(status) and status not in REFUSED_FOR_GOOD:
                return  # the sandbox is in trouble: what is left would meet the same
        async with self._database.transaction() as connection:
            await repository.registered(connection, phone_number_id)

    async def _put(self, what: str, known: dict[str, Any]) -> int:
        """The status of the answer, 0 without one."""
        try:
            async with self._session.put(f"{self._url}/_sandbox/{what}", json=known, allow_redirects=False) as answer:
                if not _is_taken(answer.status):
                    _log.error("the sandbox refused what it was told", status=answer.status)
                return answer.status
        except (aiohttp.ClientError, OSError) as error:  # OSError includes TimeoutError
            _log.warning("the sandbox does not answer", error_class=type(error).__name__)
        return 0


def _is_taken(status: int) -> bool:
    return 200 <= status < 300


def _template(row: Row[Any], waba_id: str) -> dict[str, Any]:
    """A template as the sandbox is told of it."""
    known = {"category": row.category, "language": row.language, "waba_id": waba_id, "status": row.state.upper()}
    if not row.components:
        return known | {"body_parameters": row.body_parameters}
    is_named = _NAMED.search(json.dumps(row.components)) is not None
    return known | {"components": row.components, "parameter_format": "NAMED" if is_named else "POSITIONAL"}
