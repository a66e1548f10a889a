"""The queue of facts that tenants have not been told yet."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import repository
from services.gateway.callbacks.bundles import CallbackFact, bundles

_listeners: list[Callable[[], None]] = []  # of this process: its delivery loops


async def enqueue(
    connection: AsyncConnection,
    facts: Sequence[CallbackFact],
    *,
    not_to: Sequence[UUID] = (),
    only_to: UUID | None = None,
) -> None:
    """Queue facts in the transaction that makes them true, in the order they are to be told.

    Each waits once for every endpoint whose filter lets its topic pass (without those of `not_to`; or for `only_to`).
    Nothing here remembers what was queued before: callers enqueue in the transaction of the fact's first sight only.
    Facts wait up to seven days for a callback URL.
    """
    if facts:
        await repository.enqueue(connection, bundles(facts), not_to=not_to, only_to=only_to)


def wake() -> None:
    """Facts were committed: deliver them now. Give it to a consumer as `after`; without it they wait for a poll."""
    for ring in _listeners:
        ring()


def listen(ring: Callable[[], None]) -> Callable[[], None]:
    """Have `ring` called at every `wake()` of this process; returns what ends it."""
    _listeners.append(ring)
    return lambda: _listeners.remove(ring)
