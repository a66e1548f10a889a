"""Getting a file that a person sent from Meta: ask for its url, then for its bytes (whatsapp-cloud-api 2.3)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from services.gateway.media.arrivals import Found, NotGivenOut
from services.gateway.media.errors import DOWNLOAD_CODE
from services.gateway.media.files import Spool
from services.gateway.media.forms import is_mime
from services.gateway.media.limits import FILE_BYTES_MAX
from services.gateway.media.service import DEFAULT_MIME
from services.gateway.tenants.service import Number
from services.gateway.upstream.service import FileGone, Upstream
from services.kernel.errors import TooLarge, Unavailable

FETCH_SECONDS = 240.0
SILENT_SECONDS = 20.0  # a sender that says nothing for so long is given up
URLS_MAX = 2  # an url lives five minutes: when one is gone, ask once more


class Damaged(Unavailable):
    """What came is not what Meta described; it may be next time."""


class Downloads:
    """Files from Meta, into a spool."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def download(self, number: Number, found: Found, spool: Spool) -> str:
        """Both steps: ask for the url, then for the file; returns the type."""
        for attempt in range(URLS_MAX):
            described = await self._describe(number, found)
            try:
                await self._receive(number, described, found, spool)
            except FileGone:
                if attempt + 1 == URLS_MAX:
                    raise
                continue
            except TooLarge:
                raise NotGivenOut(DOWNLOAD_CODE) from None
            mime = str(described.get("mime_type") or found.mime)
            return mime if is_mime(mime) else DEFAULT_MIME
        raise FileGone

    async def _describe(self, number: Number, found: Found) -> Mapping[str, Any]:
        answer = await self._upstream.request(
            number, "GET", f"/{found.meta_id}", params={"phone_number_id": number.phone_number_id}
        )
        if answer.code == DOWNLOAD_CODE:
            raise NotGivenOut(DOWNLOAD_CODE)
        if not answer.ok or not isinstance(answer.body.get("url"), str):
            raise Unavailable("Meta does not describe the file now")
        if _size_of(answer.body) > FILE_BYTES_MAX:
            raise NotGivenOut(DOWNLOAD_CODE)
        return answer.body

    async def _receive(self, number: Number, described: Mapping[str, Any], found: Found, spool: Spool) -> None:
        async with self._upstream.download(
            number, described["url"], bytes_max=FILE_BYTES_MAX, timeout_seconds=FETCH_SECONDS
        ) as download:
            async with asyncio.timeout(SILENT_SECONDS) as patience:
                async for piece in download.pieces:
                    await spool.write(piece)
                    patience.reschedule(asyncio.get_running_loop().time() + SILENT_SECONDS)
        expected = _size_of(described) or download.length
        if spool.size == 0 or (expected and expected != spool.size):
            raise Damaged("the file has another length than Meta said")


def _size_of(described: Mapping[str, Any]) -> int:
    """Bytes, or 0 when Meta does not say."""
    size = str(described.get("file_size", ""))
    return int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0
