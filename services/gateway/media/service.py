"""Files of tenants and of the people who write to them: what other slices and the routes may ask of them."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.bell import Bell
from services.gateway.keys.service import Keyring
from services.gateway.media import details, metrics, repository
from services.gateway.media.errors import FileMissing, NoSuchMedia, NotDownloadable, StillFetching, TooManyDownloads
from services.gateway.media.files import Files
from services.gateway.media.library import Library, media_uuid
from services.gateway.media.limits import base_of
from services.gateway.media.places import (
    DOWNLOADS_MAX,
    DOWNLOADS_PER_TENANT_MAX,
    WAITERS_MAX,
    WAITERS_PER_TENANT_MAX,
    Places,
)
from services.gateway.media.repository import Arrival
from services.gateway.media.uploads import Uploads
from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.db import Database
from services.kernel.logging import get_logger

__all__ = [
    "MEDIA_KINDS",
    "Content",
    "Description",
    "Files",
    "Library",
    "Shelf",
    "Uploads",
    "arrived",
    "inbound_media_id",
    "listen",
    "media_of",
    "media_url",
    "media_uuid",
    "wake",
]

META_DAYS = 7  # how long Meta keeps what a person sent (whatsapp-cloud-api 2.3)
MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")
PATIENCE_SECONDS = 4.0  # whoever asks for a file that is on its way waits so long at most
POLL_SECONDS = 0.2
HURRY_PAUSE_SECONDS = 5.0
AT_META_SECONDS = 25 * 3_600.0  # a message that was accepted with the file, and lives a day, may still be sent
DEFAULT_MIME = "application/octet-stream"

_log = get_logger()

# For the fetchers of this process: `wake` them when files to fetch were committed.
_bell = Bell()
wake, listen = _bell.ring, _bell.listen


class Description(NamedTuple):
    """A file in Meta's words, with our id and our url: `_asdict()` is the answer (schemas.MediaDescription)."""

    messaging_product: str
    url: str
    mime_type: str
    sha256: str
    file_size: str
    id: str


class Content(NamedTuple):
    """A file to be given out; `pieces` opens it while it is read."""

    mime: str
    size: int
    filename: str
    pieces: AsyncIterator[bytes]


def inbound_media_id(inbound_id: UUID) -> UUID:
    """Our id of the file in a person's message: known before anybody has fetched it."""
    return event_id(inbound_id, "media")


def media_url(public_url: str, media_id: UUID) -> str:
    """Where the tenant downloads a file with its API key."""
    return f"{public_url.rstrip('/')}/media/{media_id}"


def media_of(message: dict[str, Any]) -> dict[str, Any] | None:
    """The media object of one of Meta's messages, also of one that edits another; None when it has no file."""
    if isinstance(edit := message.get("edit"), dict) and isinstance(inner := edit.get("message"), dict):
        message = inner
    for kind in MEDIA_KINDS:
        if isinstance(media := message.get(kind), dict) and isinstance(media.get("id"), str):
            return media
    return None


async def arrived(connection: AsyncConnection, events: Sequence[InboundReceived]) -> None:
    """Plan to fetch the files of what people sent; whether an edit has one is seen when it is opened."""
    arrivals = [_arrival(event) for event in events if event.kind in MEDIA_KINDS or event.kind == "edit"]
    if arrivals:
        await repository.add_inbound(connection, arrivals, meta_days=META_DAYS)


def _arrival(event: InboundReceived) -> Arrival:
    return Arrival(
        tenant_id=event.tenant_id,
        id=inbound_media_id(event.inbound_id),
        phone_number_id=event.phone_number_id,
        inbound_id=event.inbound_id,
        at=event.occurred_at,
    )


class Shelf:
    """Stored files, for their tenant; whose they are is part of every question."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: Keyring,
        files: Files,
        public_url: str,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._files = files
        self._public_url = public_url
        self._waiters = Places(of_tenant_max=WAITERS_PER_TENANT_MAX, in_all_max=WAITERS_MAX)
        self._downloads = Places(of_tenant_max=DOWNLOADS_PER_TENANT_MAX, in_all_max=DOWNLOADS_MAX)

    async def describe(
        self, tenant_id: UUID, media_id: UUID | None, *, phone_number_id: str | None = None
    ) -> Description:
        """Meta's description of a file, with our id and our url.

        Raises NoSuchMedia for everything that is not there for this tenant (and number), StillFetching for what a
        person has just sent, NotDownloadable (131052) for what Meta does not give out.
        """
        row = await self._ready(tenant_id, media_id, phone_number_id)
        known = await details.unseal(self._keyring, tenant_id, row.id, row.details)
        return Description(
            messaging_product="whatsapp",
            url=media_url(self._public_url, row.id),
            mime_type=row.mime,
            sha256=known.sha256,
            file_size=str(row.bytes),
            id=str(row.id),
        )

    def download_place(self, tenant_id: UUID) -> AbstractContextManager[None]:
        """To be held until a download has ended; raises TooManyDownloads when it is entered."""
        return self._downloads.take(tenant_id, TooManyDownloads())

    async def content(self, tenant_id: UUID, media_id: UUID | None) -> Content:
        """The file itself; raises as `describe` does, and FileMissing when the disk has lost it."""
        row = await self._ready(tenant_id, media_id, None)
        known = await details.unseal(self._keyring, tenant_id, row.id, row.details)
        try:
            pieces = await self._files.pieces(tenant_id, row.id, row.bytes, purpose="download")
        except (FileMissing, crypto.CannotOpen) as error:
            _log.error("stored file does not open", tenant_id=str(tenant_id), error_class=type(error).__name__)
            raise
        return Content(row.mime, row.bytes, known.filename or _named(row.id, row.mime), pieces)

    async def delete(self, tenant_id: UUID, media_id: UUID | None, *, phone_number_id: str | None = None) -> None:
        """Remove the file, here at once and at Meta a day later; raises NoSuchMedia."""
        row = await self._find(tenant_id, media_id, phone_number_id)
        if row.direction == "uploaded" and row.state == "pending":
            raise NoSuchMedia  # nobody was told its id yet
        async with self._database.transaction() as connection:
            if not await repository.delete(
                connection, tenant_id=tenant_id, id_=row.id, at_meta_seconds=AT_META_SECONDS
            ):
                raise NoSuchMedia
        await self._files.remove(tenant_id, row.id)
        metrics.REMOVED.labels("deleted").inc()

    async def _find(self, tenant_id: UUID, media_id: UUID | None, phone_number_id: str | None) -> Row[Any]:
        if media_id is None:
            raise NoSuchMedia
        async with self._database.transaction() as connection:
            row = await repository.find(connection, tenant_id=tenant_id, id_=media_id)
        if row is None or (phone_number_id is not None and phone_number_id != row.phone_number_id):
            raise NoSuchMedia
        return row

    async def _ready(self, tenant_id: UUID, media_id: UUID | None, phone_number_id: str | None) -> Row[Any]:
        """The row of a stored file; one that is on its way is waited for, by a few at the same time."""
        row = await self._find(tenant_id, media_id, phone_number_id)
        if row.state == "pending" and row.direction == "inbound":
            with self._waiters.take(tenant_id, StillFetching()):
                row = await self._fetched(tenant_id, row)
        if row.state == "failed":
            raise NotDownloadable
        if row.state != "ready":
            raise NoSuchMedia
        return row

    async def _fetched(self, tenant_id: UUID, row: Row[Any]) -> Row[Any]:
        deadline = monotonic() + PATIENCE_SECONDS
        async with self._database.transaction() as connection:
            await repository.hurry(connection, tenant_id=tenant_id, id_=row.id, pause_seconds=HURRY_PAUSE_SECONDS)
        while row.state == "pending":
            if monotonic() > deadline:
                raise StillFetching
            await asyncio.sleep(POLL_SECONDS)
            row = await self._find(tenant_id, row.id, None)
        return row


def _named(media_id: UUID, mime: str) -> str:
    return f"{media_id}{mimetypes.guess_extension(base_of(mime)) or ''}"
