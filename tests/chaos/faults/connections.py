"""The links between the parts go wrong, and PostgreSQL takes no writes."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from deploy.local.postgres import SUPERUSER
from tests.chaos.faults.ground import Ground
from tests.chaos.links import read_only
from tests.chaos.plan import Fault
from tests.e2e.harness.waiting import eventually


async def break_link(ground: Ground, fault: Fault) -> None:
    assert fault.link_fault is not None
    async with ground.links[fault.target].fault(fault.link_fault):
        await asyncio.sleep(fault.seconds)


async def refuse_writes(ground: Ground, fault: Fault) -> None:
    dsn = ground.stack.infrastructure.postgres.dsn(SUPERUSER, "postgres")
    await _insist(read_only.start, dsn)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        await _insist(read_only.stop, dsn)


async def _insist(act: Callable[[str], Awaitable[None]], dsn: str) -> None:
    """PostgreSQL may have been struck a moment ago: it is back within seconds."""

    async def acted() -> bool:
        try:
            await act(dsn)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise AssertionError(f"PostgreSQL does not answer: {error}") from error
        return True

    await eventually(acted, "PostgreSQL was told")
