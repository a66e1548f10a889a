"""A tenant's upload: sealed on disk, counted against its quota, given to Meta, and only then answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from services.gateway.graph.errors import Down, GraphError, NoSuchNumber, RateLimited
from services.gateway.graph.refusals import refusal_of
from services.gateway.graph.standing import check_account, check_number
from services.gateway.keys.service import Keyring
from services.gateway.media import details, limits, metrics, repository
from services.gateway.media.details import Details
from services.gateway.media.files import Files, Spool, Written
from services.gateway.media.forms import Form, FormReader, Head
from services.gateway.media.limits import UploadFailed
from services.gateway.media.repository import Finished, Kept
from services.gateway.tenants.service import ApiPrincipal, Directory, Number
from services.gateway.upstream.service import Upstream
from services.kernel import clock
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS, Unavailable
from services.kernel.identifiers import uuid7

KEEP = timedelta(days=29)  # Meta forgets its own id after 30 days: ours must not outlive it
UPLOADS_MAX = 32  # of one process: a mebibyte of memory each
UPLOADS_PER_TENANT_MAX = 8
RECEIVE_SECONDS = 900.0  # 100 MB at 1 Mbit/s; whoever drips holds one of the places for so long at most
META_SECONDS = 180.0  # 100 MB at 5 Mbit/s
RETRY_AFTER_SECONDS = 2


class _Part(aiohttp.payload.Payload):
    """A sealed file as a part of a form: opened piece by piece while it is sent, with its length said before."""

    def __init__(self, pieces: AsyncIterator[bytes], *, size: int, mime: str) -> None:
        super().__init__(pieces, content_type=mime)
        self._pieces = pieces
        self._size = size

    async def write(self, writer: AbstractStreamWriter) -> None:
        async for piece in self._pieces:
            await writer.write(piece)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a file is not text")


class Received(NamedTuple):
    """A form that was read, with its file written."""

    form: Form
    written: Written


class Uploads:
    """Takes files of tenants."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: Keyring,
        directory: Directory,
        files: Files,
        upstream: Upstream,
        tenant_bytes_max: int,
        receive_seconds: float = RECEIVE_SECONDS,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._directory = directory
        self._files = files
        self._upstream = upstream
        self._tenant_bytes_max = tenant_bytes_max
        self._receive_seconds = receive_seconds
        self._running: Counter[UUID] = Counter()

    async def upload(
        self, principal: ApiPrincipal, phone_number_id: str, *, head: Head, body: AsyncIterator[bytes]
    ) -> UUID:
        """The id of a file that Meta has; raises GraphError, and leaves nothing behind then."""
        check_account(principal)
        number = await self._number(principal.tenant_id, phone_number_id)
        with self._place_of(number.tenant_id):
            media_id = uuid7()
            try:
                async with self._files.spool(number.tenant_id, media_id) as spool:
                    await self._take(number, media_id, spool, head, body)
            except GraphError:
                metrics.UPLOADS.labels("refused").inc()
                raise
        metrics.UPLOADS.labels("ready").inc()
        return media_id

    async def _number(self, tenant_id: UUID, phone_number_id: str) -> Number:
        number = await self._directory.number(phone_number_id)
        if number is None or number.tenant_id != tenant_id:
            raise NoSuchNumber
        check_number(number)
        return number

    @contextmanager
    def _place_of(self, tenant_id: UUID) -> Iterator[None]:
        if self._running[tenant_id] >= UPLOADS_PER_TENANT_MAX or self._running.total() >= UPLOADS_MAX:
            raise RateLimited(
                f"At most {UPLOADS_PER_TENANT_MAX} uploads at the same time: wait until one has ended.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        self._running[tenant_id] += 1
        try:
            yield
        finally:
            self._running[tenant_id] -= 1
            self._running += Counter()  # drops tenants that upload nothing

    async def _take(self, number: Number, media_id: UUID, spool: Spool, head: Head, body: AsyncIterator[bytes]) -> None:
        form = await self._read(head, spool, body)
        received = Received(form, await spool.keep())
        limits.check_file(form.mime, received.written.size, received.written.head)
        await self._reserve(number, media_id, received)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._forget, number.tenant_id, media_id)
            meta_id = await self._give_to_meta(number, media_id, received)
            await self._finish(number, media_id, received, meta_id)
            stack.pop_all()

    async def _read(self, head: Head, spool: Spool, body: AsyncIterator[bytes]) -> Form:
        try:
            async with asyncio.timeout(self._receive_seconds):
                return await FormReader(head, spool).read(body)
        except TimeoutError:
            raise UploadFailed(
                f"file: the form did not come within {self._receive_seconds:.0f} seconds: send it faster."
            ) from None

    async def _reserve(self, number: Number, media_id: UUID, received: Received) -> None:
        async with self._database.transaction() as connection:
            kept = await repository.kept(connection, tenant_id=number.tenant_id, direction="uploaded")
            self._check_quota(kept, received.written.size)
            await repository.add_upload(
                connection,
                {
                    "tenant_id": number.tenant_id,
                    "id": media_id,
                    "phone_number_id": number.phone_number_id,
                    "mime": received.form.mime,
                    "bytes": received.written.size,
                    "expires_at": clock.now() + KEEP,
                },
            )

    def _check_quota(self, kept: Kept, size: int) -> None:
        if kept.size + size > self._tenant_bytes_max or kept.files >= limits.TENANT_FILES_MAX:
            raise UploadFailed(
                f"file: your account stores {kept.size} of {self._tenant_bytes_max} bytes in {kept.files} of "
                f"{limits.TENANT_FILES_MAX} files: delete media that you no longer send, or wait until it expires."
            )

    async def _give_to_meta(self, number: Number, media_id: UUID, received: Received) -> str:
        written, mime = received.written, received.form.mime
        pieces = await self._files.pieces(number.tenant_id, media_id, written.size, purpose="upload")
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime)
        form.add_field("file", _Part(pieces, size=written.size, mime=mime), filename="file")
        try:
            answer = await self._upstream.request(
                number, "POST", f"/{number.phone_number_id}/media", data=form, timeout_seconds=META_SECONDS
            )
        except Unavailable as error:
            raise Down(
                "Meta did not take the file: upload it again.", retry_after_seconds=RETRY_AFTER_SECONDS
            ) from error
        if not answer.ok:
            raise refusal_of(answer)
        meta_id = answer.body.get("id")
        if not isinstance(meta_id, str) or not meta_id:
            raise _again("Meta gave the file no id: upload it again.")
        return meta_id

    async def _finish(self, number: Number, media_id: UUID, received: Received, meta_id: str) -> None:
        known = Details(meta_id=meta_id, sha256=received.written.sha256, filename=received.form.filename)
        until = clock.now() + KEEP
        finished = Finished(
            tenant_id=number.tenant_id,
            id=media_id,
            attempt=0,
            mime=received.form.mime,
            size=received.written.size,
            details=await details.seal(self._keyring, number.tenant_id, media_id, known),
            usable_until=until,
            expires_at=until,
        )
        async with self._database.transaction() as connection:
            if not await repository.finish(connection, finished):
                raise _again("The upload took too long: upload the file again.")

    async def _forget(self, tenant_id: UUID, media_id: UUID) -> None:
        try:
            async with self._database.transaction() as connection:
                await repository.drop(connection, tenant_id=tenant_id, id_=media_id, attempt=0)
        except DEPENDENCY_ERRORS:
            return  # the row of a cut off upload is removed an hour later


def _again(details: str) -> Down:
    return Down(details, retry_after_seconds=RETRY_AFTER_SECONDS)
