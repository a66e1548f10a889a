"""Keeps what cannot be given to a tenant, sealed to the platform's key, until it can be read or routed.

Nothing here is ever routed to a default tenant, and nobody without the platform's private key reads it.
"""

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel import clock, crypto
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.logging import get_logger
from services.webhook.parts.service import Held
from services.webhook.quarantine import repository
from services.webhook.quarantine.metrics import QUARANTINED
from services.webhook.quarantine.repository import Chosen, Kept, Summary, Unit
from services.webhook.signatures.service import SignedFor

__all__ = ["Chosen", "Kept", "Quarantine", "Summary", "Unit", "count", "delete", "lock", "next_rows", "overview",
           "seal_context", "tried", "units"]  # fmt: skip

META_ID = re.compile(r"[0-9]{1,32}")  # anything else might be content and is not stored in clear
SUMMARIES_MAX = 1_000

_log = get_logger()

count = repository.count
delete = repository.delete
lock = repository.lock
next_rows = repository.choose
tried = repository.tried
units = repository.units


class Quarantine:
    """Seals and stores; the parts are committed when `hold` returns."""

    def __init__(self, database: Database, public_key: bytes) -> None:
        self._database = database
        self._public_key = public_key

    async def hold(self, parts: Sequence[Held], signed_for: SignedFor) -> None:
        async with self._database.transaction() as connection:
            await self.hold_in(connection, parts, signed_for)

    async def hold_in(self, connection: AsyncConnection, parts: Sequence[Held], signed_for: SignedFor) -> None:
        """The same in a transaction of the caller's."""
        await repository.add(connection, [self._row(part, signed_for) for part in parts])
        for part in parts:
            QUARANTINED.labels(part.reason).inc(part.parts)
        _log.warning("parts of a webhook are in quarantine", count=len(parts), reason=parts[0].reason)

    def _row(self, part: Held, signed_for: SignedFor) -> repository.Row:
        row_id = uuid7()
        return repository.Row(
            id=row_id,
            held_at=clock.now(),
            reason=part.reason,
            phone_number_id=_meta_id(part.phone_number_id),
            waba_id=_meta_id(part.waba_id),
            signed_for=",".join(sorted(signed_for)),
            parts=part.parts,
            content=crypto.seal_to(self._public_key, seal_context(row_id), part.content),
        )


def seal_context(row_id: UUID) -> str:
    """The context that a row's box is opened with."""
    return f"quarantine:{row_id}"


async def overview(connection: AsyncConnection) -> list[Summary]:
    """How much waits and for what, the most first."""
    return await repository.overview(connection, SUMMARIES_MAX)


def _meta_id(text: str | None) -> str | None:
    return text if text and META_ID.fullmatch(text) else None
