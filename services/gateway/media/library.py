"""Our ids of files -> Meta's, for the door: many questions, one query (hot path)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.gateway.cache import Remembered
from services.gateway.keys.service import Keyring
from services.gateway.media import details, repository
from services.kernel import clock
from services.kernel.batcher import Batcher
from services.kernel.db import Database
from services.kernel.errors import ServiceError, is_retryable

FRESH_SECONDS = 5.0  # a deleted file can be sent so long
ENTRIES_MAX = 50_000  # about 300 bytes each
TICK_SECONDS = 0.005
BATCH_MAX = 200
PENDING_MAX = 5_000
ID_CHARACTERS = 36

Key = tuple[UUID, UUID]


class Usable(NamedTuple):
    """A file that Meta still knows under this id, and the number that it was given to."""

    phone_number_id: str
    meta_id: str
    usable_until: datetime


class Library:
    """Which of our ids Meta knows, and under which of its own."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._questions: Batcher[Key, Usable | None] = Batcher(
            "media_ids", self._load, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )
        self._known: Remembered[Key, Usable] = Remembered(
            self._questions.submit, fresh_seconds=FRESH_SECONDS, entries_max=ENTRIES_MAX
        )

    def start(self) -> None:
        self._questions.start()

    async def stop(self) -> None:
        await self._questions.stop()

    async def meta_ids(self, tenant_id: UUID, phone_number_id: str, media_ids: Collection[str]) -> dict[str, str]:
        """Meta's ids by ours; what is unknown, another tenant's, of another number or too old is missing.

        Raises Unavailable when the database is down.
        """
        found: dict[str, str] = {}
        now = clock.now()
        for media_id in media_ids:
            key = media_uuid(media_id)
            usable = None if key is None else await self._known.get((tenant_id, key))
            if usable is not None and usable.phone_number_id == phone_number_id and usable.usable_until > now:
                found[media_id] = usable.meta_id
        return found

    async def _load(self, keys: Sequence[Key]) -> Sequence[Usable | Exception | None]:
        async with self._database.transaction() as connection:
            rows = {(row.tenant_id, row.id): row for row in await repository.usable(connection, list(set(keys)))}
        return [await self._usable(key, rows.get(key)) for key in keys]

    async def _usable(self, key: Key, row: repository.Usable | None) -> Usable | Exception | None:
        if row is None:
            return None
        try:
            known = await details.unseal(self._keyring, *key, row.details)
        except ServiceError as error:
            return error if is_retryable(error) else None  # its key is destroyed
        return Usable(row.phone_number_id, known.meta_id, row.usable_until)


def media_uuid(media_id: str) -> UUID | None:
    """The id in its canonical form; None for any other text, which is no id of ours."""
    if len(media_id) != ID_CHARACTERS:
        return None
    try:
        found = UUID(media_id)
    except ValueError:
        return None
    return found if str(found) == media_id else None
