"""The queue of facts that tenants have not been told yet, and the door to callbacks for other slices."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.bell import Bell
from services.gateway.callbacks import repository
from services.gateway.callbacks.addresses import AddressRules, is_allowed
from services.gateway.callbacks.bundles import CallbackFact, StoredFact, bundles, decode
from services.gateway.callbacks.errors import BadCallbackUrl
from services.gateway.callbacks.management import create_secret, endpoint, hurry, set_url
from services.gateway.callbacks.signing_secrets import PURPOSE, open_secrets
from services.gateway.callbacks.urls import check_url

__all__ = [
    "PURPOSE",
    "AddressRules",
    "BadCallbackUrl",
    "CallbackFact",
    "StoredFact",
    "check_url",
    "create_secret",
    "decode",
    "endpoint",
    "enqueue",
    "hurry",
    "is_allowed",
    "listen",
    "open_secrets",
    "set_url",
    "wake",
]

# For the delivery loops of this process: give `wake` to a consumer as `after`; without it facts wait for a poll.
_bell = Bell()
wake, listen = _bell.ring, _bell.listen


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
