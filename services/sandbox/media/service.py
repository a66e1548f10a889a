"""Keeps files for as long as Meta does, within the room it has."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from services.kernel.errors import TooLarge, Unprocessable
from services.sandbox.media import samples
from services.sandbox.media.repository import MediaFolder
from services.sandbox.media.schemas import INBOUND_DAYS, KINDS, MAX_BYTES, UPLOAD_DAYS, Kind, Medium, kind_of
from services.sandbox.settings import MediaSettings

__all__ = ["KINDS", "UPLOAD_MAX_BYTES", "Kind", "Library", "Medium", "kind_of"]

FILES_MAX = 20_000
UPLOAD_MAX_BYTES = max(MAX_BYTES.values())
DAY_SECONDS = 24 * 3600.0
HASH_CHUNK_BYTES = 1 << 20
ATTACHMENTS = "/whatsapp_business/attachments/"


class Library:
    """`base_url` begins the addresses that are given out; `secret` signs them."""

    def __init__(self, folder: Path, settings: MediaSettings, *, base_url: str, secret: bytes) -> None:
        self._folder = MediaFolder(folder)
        self._settings = settings
        self._base_url = base_url
        self._secret = secret
        self._media = {one.id: one for one in sorted(self._folder.load(), key=lambda one: one.stored_at)}
        self._total_bytes = sum(one.size for one in self._media.values())

    async def upload(
        self, phone_number_id: str, mime_type: str, source: BinaryIO, *, filename: str | None = None
    ) -> Medium:
        """Keep what a business uploaded; raises Unprocessable for a type and TooLarge for a size Meta does not take."""
        kind = kind_of(mime_type)
        if kind is None:
            raise Unprocessable(f"Param file must be a file with one of the following types: {', '.join(KINDS)}.")
        return await self._keep(phone_number_id, mime_type, kind, source, days=UPLOAD_DAYS, filename=filename)

    async def sample(self, phone_number_id: str, kind: Kind, seed: str) -> Medium:
        """A file as a person would send it; the same seed gives the same bytes."""
        made = await asyncio.to_thread(samples.of_kind, kind, seed)
        source = BytesIO(made.content)
        return await self._keep(
            phone_number_id, made.mime_type, kind, source, days=INBOUND_DAYS, filename=made.filename
        )

    def find(self, medium_id: str) -> Medium | None:
        """None also for what has expired."""
        medium = self._media.get(medium_id)
        return medium if medium is not None and medium.expires_at > time.time() else None

    def kind_for(self, phone_number_id: str, medium_id: str) -> str | None:
        """Which kind this id of that business number is; None when the number has no such id."""
        medium = self.find(medium_id)
        return medium.kind if medium is not None and medium.phone_number_id == phone_number_id else None

    def path(self, medium: Medium) -> Path:
        return self._folder.path(medium.id)

    def remove(self, medium_id: str) -> bool:
        medium = self._media.pop(medium_id, None)
        if medium is None:
            return False
        self._total_bytes -= medium.size
        self._folder.remove(medium_id)
        return True

    def url(self, medium: Medium) -> str:
        """Where the bytes are for the next five minutes."""
        ends = str(int(time.time() + self._settings.url_seconds))
        query = urlencode({"mid": medium.id, "ext": ends, "hash": self._sign(medium.id, ends)})
        return f"{self._base_url}{ATTACHMENTS}?{query}"

    def by_url(self, *, mid: str, ext: str, hash_: str) -> Medium | None:
        """What that address still leads to."""
        if not ext.isdecimal() or int(ext) < time.time():
            return None
        is_ours = hmac.compare_digest(self._sign(mid, ext).encode(), hash_.encode())
        return self.find(mid) if is_ours else None

    def _sign(self, mid: str, ext: str) -> str:
        digest = hmac.digest(self._secret, f"media/{mid}/{ext}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()

    async def _keep(
        self, phone_number_id: str, mime_type: str, kind: Kind, source: BinaryIO, *, days: int, filename: str | None
    ) -> Medium:
        size, sha256 = await asyncio.to_thread(_measure, source)
        if not 0 < size <= MAX_BYTES[kind]:
            raise TooLarge(f"A file of the kind {kind} has 1 to {MAX_BYTES[kind]} bytes; this one has {size}.")
        now = time.time()
        medium = Medium(
            id=str(10**15 + secrets.randbelow(9 * 10**15)), phone_number_id=phone_number_id, mime_type=mime_type,
            kind=kind, sha256=sha256, size=size, stored_at=now, expires_at=now + days * DAY_SECONDS, filename=filename,
        )  # fmt: skip
        self._make_room(size)
        self._media[medium.id] = medium
        self._total_bytes += size
        await asyncio.to_thread(self._folder.store, medium, source)
        return medium

    def _make_room(self, size: int) -> None:
        for one in list(self._media.values()):
            has_room = self._total_bytes + size <= self._settings.total_max_bytes and len(self._media) < FILES_MAX
            if has_room and one.expires_at > time.time():
                return
            self.remove(one.id)


def _measure(source: BinaryIO) -> tuple[int, str]:
    """(bytes, sha256); the source stands at its beginning afterwards."""
    digest, size = hashlib.sha256(), 0
    source.seek(0)
    while piece := source.read(HASH_CHUNK_BYTES):
        digest.update(piece)
        size += len(piece)
    source.seek(0)
    return size, digest.hexdigest()
