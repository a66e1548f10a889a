"""All SQL of the pressure: one small row for each worker."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TELL = text("""
    with gone as (
        delete from pressure where worker in (
            select worker from pressure
             where told_at < now() - interval '1 hour' and worker <> :worker for update skip locked)
    )
    insert into pressure (worker, strain, told_at) values (:worker, :strain, now())
    on conflict (worker) do update set strain = excluded.strain, told_at = excluded.told_at
""")
_STRAIN = text("""
    select coalesce(max(strain), 1.0) from pressure where told_at > now() - make_interval(secs => :fresh_seconds)
""")


async def tell(connection: AsyncConnection, worker: UUID, strain: float) -> None:
    """Write one worker's strain; those of workers that are long gone disappear, unless they come back right now."""
    await connection.execute(_TELL, {"worker": worker, "strain": strain})


async def strain(connection: AsyncConnection, *, fresh_seconds: float) -> float:
    """The highest that any worker told of late."""
    return float((await connection.execute(_STRAIN, {"fresh_seconds": fresh_seconds})).scalar_one())
