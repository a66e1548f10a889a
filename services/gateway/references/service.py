"""Ids of ours that a request names, and Meta's ids for them: many requests, one look-up (hot path).

An outgoing message has a UUIDv7 and an inbound one a UUIDv5 (`kernel.contracts.inbound`): the version says where to
look.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.gateway import places
from services.gateway.inbound import service as inbound
from services.gateway.keys.service import Keyring
from services.gateway.messages import service as messages
from services.gateway.tenants.service import Number
from services.kernel import crypto
from services.kernel.batcher import Batcher
from services.kernel.db import Database

TICK_SECONDS = 0.01
BATCH_MAX = 500
PENDING_MAX = 5_000

OUTGOING_VERSION = 7
INBOUND_VERSION = 5


class Wanted(NamedTuple):
    tenant_id: UUID
    id: UUID

    @property
    def is_outgoing(self) -> bool:
        return self.id.version == OUTGOING_VERSION


class Sealed(NamedTuple):
    """Meta's id as it is stored; None while the message was not sent."""

    phone_number_id: str
    wamid: bytes | None


class Found(NamedTuple):
    """A message of this tenant and number; `wamid` is None while it was not sent."""

    wamid: str | None
    is_inbound: bool

    def __repr__(self) -> str:
        return f"Found(is_inbound={self.is_inbound})"


class References:
    """Looks up Meta's ids; start it before use."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._lookups: Batcher[Wanted, Sealed | None] = Batcher(
            "references", self._look_up, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )

    def start(self) -> None:
        self._lookups.start()

    async def stop(self) -> None:
        await self._lookups.stop()

    async def find(self, number: Number, our_id: str) -> Found | None:
        """None for what does not exist, is another tenant's, or belongs to another number.

        Raises CannotOpen, Unavailable, Overloaded, or what the database raises.
        """
        wanted = _wanted(number.tenant_id, our_id)
        sealed = None if wanted is None else await self._lookups.submit(wanted)
        if wanted is None or sealed is None or sealed.phone_number_id != number.phone_number_id:
            return None
        return Found(await self._opened(wanted, sealed.wamid), is_inbound=not wanted.is_outgoing)

    async def _opened(self, wanted: Wanted, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        if not wanted.is_outgoing:
            return await inbound.wamid_of(self._keyring, wanted.tenant_id, wanted.id, sealed)
        key = await self._keyring.opening_key(wanted.tenant_id, "messages", crypto.sealed_key_id(sealed))
        place = places.message_wamid(wanted.tenant_id, str(wanted.id))
        return crypto.open_sealed(key, place, sealed).decode()

    async def _look_up(self, batch: Sequence[Wanted]) -> Sequence[Sealed | None]:
        found: dict[Wanted, Sealed] = {}
        outgoing = sorted({one for one in batch if one.is_outgoing})
        arrived = sorted({one for one in batch if not one.is_outgoing})
        async with self._database.transaction() as connection:
            if outgoing:
                sent = await messages.wamids(connection, *_columns(outgoing))
                found |= {Wanted(row.tenant_id, row.id): Sealed(row.phone_number_id, row.wamid) for row in sent}
            if arrived:
                tenant_ids, ids = _columns(arrived)
                stored = await inbound.wamids(connection, tenant_ids=tenant_ids, ids=ids)
                # The answer is keyed by our id alone, which is made from the tenant's.
                found |= {
                    one: Sealed(stored[one.id].phone_number_id, stored[one.id].wamid)
                    for one in arrived
                    if one.id in stored
                }
        return [found.get(one) for one in batch]


def _columns(wanted: Sequence[Wanted]) -> tuple[list[UUID], list[UUID]]:
    return [one.tenant_id for one in wanted], [one.id for one in wanted]


def _wanted(tenant_id: UUID, our_id: str) -> Wanted | None:
    try:
        id_ = UUID(our_id)
    except ValueError:
        return None
    is_ours = str(id_) == our_id and id_.version in (OUTGOING_VERSION, INBOUND_VERSION)
    return Wanted(tenant_id, id_) if is_ours else None
