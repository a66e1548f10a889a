"""Sealed files on the filesystem: written whole or not at all, opened in pieces, found again when nobody owns them."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from services.gateway.keys.service import Keyring
from services.gateway.media import metrics
from services.gateway.media.details import PURPOSE
from services.gateway.media.errors import FileMissing
from services.gateway.places import media_file
from services.kernel import crypto
from services.kernel.crypto.streams import CHUNK_BYTES, STREAM_HEADER_BYTES

WRITE_BYTES = 1024 * 1024  # one trip to a thread for so much
HEAD_BYTES = 64
SPOOL = ".spool"
SUFFIX = ".sealed"


class Written(NamedTuple):
    """What was written: its length in clear, its digest (hex), and its first bytes."""

    size: int
    sha256: str
    head: bytes


class Stored(NamedTuple):
    """A file that was found in the directory."""

    tenant_id: UUID
    media_id: UUID
    path: Path


class Spool:
    """A file on its way: sealed before it touches the disk, invisible until it is put into its place."""

    def __init__(self, path: Path, place: Path, sealer: crypto.StreamSealer) -> None:
        self._path = path
        self._place = place
        self._sealer = sealer
        self._file: BinaryIO | None = None
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._head = b""
        self._is_kept = False
        self.size = 0

    async def write(self, piece: bytes) -> None:
        self._waiting += piece
        self.size += len(piece)
        if len(self._waiting) >= WRITE_BYTES:
            await asyncio.to_thread(self._write)

    async def seal(self) -> Written:
        """The rest is written and durable; nobody sees it yet."""
        return await asyncio.to_thread(self._seal)

    async def place(self) -> None:
        """Put what was sealed into its place, instead of what stood there; nothing removes it from there again."""
        await asyncio.to_thread(self._move)

    async def keep(self) -> Written:
        """`seal` and `place` in one, for a place that is nobody else's."""
        return await asyncio.to_thread(self._keep)

    async def discard(self) -> None:
        """Nothing is left; also after `keep`, when what it was for did not happen."""
        await asyncio.to_thread(self._discard)

    def _write(self) -> None:
        plain = bytes(self._waiting)
        self._waiting.clear()
        self._digest.update(plain)
        self._head = (self._head + plain[:HEAD_BYTES])[:HEAD_BYTES]
        self._opened().write(self._sealer.seal(plain))

    def _opened(self) -> BinaryIO:
        if self._file is None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "wb")
        return self._file

    def _keep(self) -> Written:
        written = self._seal()
        self._is_kept = True
        self._move()
        return written

    def _seal(self) -> Written:
        self._write()
        file = self._opened()
        file.write(self._sealer.finish())
        file.flush()
        os.fsync(file.fileno())
        file.close()
        return Written(self.size, self._digest.hexdigest(), self._head)

    def _move(self) -> None:
        self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.replace(self._place)
        for directory in (self._place.parent, self._place.parent.parent, self._place.parent.parent.parent):
            _sync(directory)

    def _discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk refuses to flush, and the file goes anyway
                self._file.close()
        self._path.unlink(missing_ok=True)
        if self._is_kept:
            self._place.unlink(missing_ok=True)


class Files:
    """The directory of all tenants' files, shared by every process of the gateway."""

    def __init__(self, directory: Path, keyring: Keyring) -> None:
        self._directory = directory
        self._keyring = keyring

    def prepare(self) -> None:
        """Make the directory, for our eyes only."""
        (self._directory / SPOOL).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)

    @asynccontextmanager
    async def spool(self, tenant_id: UUID, media_id: UUID) -> AsyncIterator[Spool]:
        """A new file; two attempts at the same one do not meet. When the block raises, nothing is left of it."""
        place = media_file(tenant_id, str(media_id))
        sealer = crypto.StreamSealer(await self._keyring.key(tenant_id, PURPOSE), place)
        name = f"{media_id}.{secrets.token_hex(8)}"
        async with AsyncExitStack() as stack:
            spool = Spool(self._directory / SPOOL / name, self._path(tenant_id, media_id), sealer)
            stack.push_async_callback(spool.discard)
            yield spool
            stack.pop_all()

    async def pieces(self, tenant_id: UUID, media_id: UUID, size: int, *, purpose: str) -> AsyncIterator[bytes]:
        """The file's bytes in pieces of a mebibyte; raises FileMissing and CannotOpen before the first of them.

        `size` is what the database says: a file of another length is refused before anything is given out.
        """
        try:
            file = await asyncio.to_thread(self._open, tenant_id, media_id, size)
            chunks = await self._chunks(tenant_id, media_id, file)
        except (FileMissing, crypto.CannotOpen):
            metrics.OPENINGS.labels(purpose, "failed").inc()
            raise
        metrics.OPENINGS.labels(purpose, "opened").inc()
        return _in_threads(file, chunks)

    async def remove(self, tenant_id: UUID, media_id: UUID) -> None:
        await asyncio.to_thread(self._path(tenant_id, media_id).unlink, missing_ok=True)

    def older_than(self, seconds: float) -> Iterator[Stored]:
        """Files that were written longer ago; spooled ones of that age are nobody's and are removed on the way."""
        before = time.time() - seconds
        for path in (self._directory / SPOOL).iterdir():
            if _changed_at(path) < before:
                path.unlink(missing_ok=True)
                metrics.REMOVED.labels("left_over").inc()
        for path in self._directory.glob(f"*/*/*{SUFFIX}"):
            if _changed_at(path) < before:
                with suppress(ValueError):  # not a name of ours: somebody else put it there
                    yield Stored(UUID(path.parts[-3]), UUID(path.name.removesuffix(SUFFIX)), path)

    async def _chunks(self, tenant_id: UUID, media_id: UUID, file: BinaryIO) -> Iterator[bytes]:
        with ExitStack() as stack:
            stack.enter_context(file)
            header = await asyncio.to_thread(file.read, STREAM_HEADER_BYTES)
            key = await self._keyring.opening_key(tenant_id, PURPOSE, crypto.stream_key_id(header))
            file.seek(0)
            stack.pop_all()  # whoever reads the pieces closes it
        return crypto.open_stream(key, media_file(tenant_id, str(media_id)), file.read)

    def _open(self, tenant_id: UUID, media_id: UUID, size: int) -> BinaryIO:
        try:
            file = self._path(tenant_id, media_id).open("rb")
        except FileNotFoundError:
            raise FileMissing from None
        if os.fstat(file.fileno()).st_size != crypto.sealed_stream_bytes(size):
            file.close()
            raise crypto.CannotOpen("the file has another length than was stored")
        return file

    def _path(self, tenant_id: UUID, media_id: UUID) -> Path:
        return self._directory / str(tenant_id) / media_id.hex[-2:] / f"{media_id}{SUFFIX}"


async def _in_threads(file: BinaryIO, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(_joined, chunks):
            yield piece


def _joined(chunks: Iterator[bytes]) -> bytes:
    return b"".join(islice(chunks, WRITE_BYTES // CHUNK_BYTES))


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
