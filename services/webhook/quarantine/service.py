"""Keeps what cannot be given to a tenant, sealed to the platform's key, until an operator replays it.

Nothing here is ever routed to a default tenant, and nobody without the platform's private key reads it.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from services.kernel import clock, crypto
from services.kernel.db import Database
from services.kernel.logging import get_logger
from services.webhook.quarantine import repository
from services.webhook.quarantine.metrics import QUARANTINED

Reason = Literal["unknown_number", "malformed", "too_large"]

NUMBER_ID = re.compile(r"[0-9]{1,32}")  # anything else might be content and is not stored in clear

_log = get_logger()


class Held(NamedTuple):
    """A part of a webhook in Meta's own bytes, and why it cannot go on."""

    reason: Reason
    phone_number_id: str | None
    content: bytes


class Quarantine:
    """Seals and stores; the parts are committed when `hold` returns."""

    def __init__(self, database: Database, public_key: bytes) -> None:
        self._database = database
        self._public_key = public_key

    async def hold(self, parts: Sequence[Held]) -> None:
        rows = [self._row(part) for part in parts]
        async with self._database.transaction() as connection:
            await repository.add(connection, rows)
        for part in parts:
            QUARANTINED.labels(part.reason).inc()
        _log.warning("parts of a webhook are in quarantine", count=len(parts), reason=parts[0].reason)

    def _row(self, part: Held) -> repository.Row:
        row_id = uuid7()
        return repository.Row(
            id=row_id,
            held_at=clock.now(),
            reason=part.reason,
            phone_number_id=_number_id(part.phone_number_id),
            content=crypto.seal_to(self._public_key, seal_context(row_id), part.content),
        )


def seal_context(row_id: UUID) -> str:
    """The context that a row's box is opened with."""
    return f"quarantine:{row_id}"


def _number_id(text: str | None) -> str | None:
    return text if text and NUMBER_ID.fullmatch(text) else None
