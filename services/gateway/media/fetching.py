"""The worker's task that fetches what people sent: two steps at Meta, sealed on the way to the disk."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents.service import open_inbound
from services.gateway.inbound import service as inbound
from services.gateway.keys.service import Keyring
from services.gateway.media import details, metrics, repository
from services.gateway.media.arrivals import Found, NotGivenOut, NothingToFetch, found_in
from services.gateway.media.details import Details
from services.gateway.media.downloads import FETCH_SECONDS, Damaged, Downloads
from services.gateway.media.errors import DOWNLOAD_CODE
from services.gateway.media.files import Files, Spool, Written
from services.gateway.media.limits import TENANT_FILES_MAX
from services.gateway.media.repository import Claim, Finished
from services.gateway.media.service import listen
from services.gateway.tenants.service import Directory
from services.gateway.upstream.service import Upstream
from services.kernel import clock, crypto
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, Unavailable, is_retryable
from services.kernel.logging import get_logger

FETCHES_MAX = 12  # of one worker: about two mebibytes of memory each
FETCHES_PER_TENANT_MAX = 3
LEASE_SECONDS = 300.0  # longer than a fetch, so that no two workers fetch the same file
IDLE_SECONDS = 1.0
OUTAGE_SECONDS = 1.0
DRAIN_SECONDS = 5.0
AGAIN_FIRST_SECONDS = 5.0
AGAIN_MAX_SECONDS = 3_600.0

_log = get_logger()


class Content(msgspec.Struct, frozen=True):
    """The part of what the webhook sealed that matters here."""

    message: dict[str, Any]

    def __repr__(self) -> str:
        return "Content()"


_content = msgspec.json.Decoder(Content)


class Fetcher:
    """Fetches files that are due, a few at a time, no tenant more than its share."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: Keyring,
        directory: Directory,
        files: Files,
        upstream: Upstream,
        keep: timedelta,
        tenant_bytes_max: int,
        again_first_seconds: float = AGAIN_FIRST_SECONDS,
    ) -> None:
        """`keep`: how long a fetched file is stored."""
        self._database = database
        self._keyring = keyring
        self._directory = directory
        self._files = files
        self._downloads = Downloads(upstream)
        self._keep = keep
        self._tenant_bytes_max = tenant_bytes_max
        self._again_first_seconds = again_first_seconds
        self._bell = asyncio.Event()
        self._running: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None  # a bug in a fetch: the process ends and is restarted

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch until `stop`; what is under way gets a few seconds, then its lease ends by itself."""
        deaf = listen(self._bell.set)
        try:
            while not stop.is_set():
                self._bell.clear()
                if self._fault is not None:
                    raise self._fault
                await self._round()
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._bell.wait()
        finally:
            deaf()
            await self._drain()

    async def _round(self) -> None:
        slots = FETCHES_MAX - len(self._tasks)
        if slots <= 0:
            return
        closed = [tenant_id for tenant_id, count in self._running.items() if count >= FETCHES_PER_TENANT_MAX]
        try:
            async with self._database.transaction() as connection:
                claims = await repository.claim(
                    connection, closed=closed, slots=slots, per_tenant=1, lease_seconds=LEASE_SECONDS
                )
        except DEPENDENCY_ERRORS as error:
            if not is_retryable(error):
                raise
            _log.warning("media met an outage", error_class=type(error).__name__)
            await asyncio.sleep(OUTAGE_SECONDS)
            return
        for claim in claims:
            self._start(claim)
        if claims:
            self._bell.set()  # there may be more

    def _start(self, claim: Claim) -> None:
        self._running[claim.tenant_id] += 1
        task = asyncio.get_running_loop().create_task(self._one(claim), name="media")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(claim.tenant_id, done))
        metrics.FETCHING.set(len(self._tasks))

    def _ended(self, tenant_id: UUID, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._running -= Counter([tenant_id])
        metrics.FETCHING.set(len(self._tasks))
        self._bell.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = error

    async def _one(self, claim: Claim) -> None:
        """One try, and what is written of it; an outage of ours is left to the lease."""
        with metrics.FETCH_SECONDS.time():
            try:
                outcome = await self._try(claim)
            except DEPENDENCY_ERRORS as error:
                if not is_retryable(error):
                    raise
                _log.warning("media met an outage", error_class=type(error).__name__)
                outcome = "again"
        metrics.FETCHES.labels(outcome).inc()

    async def _try(self, claim: Claim) -> str:
        if claim.expires_at <= clock.now():
            return await self._end(claim, "expired")
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._fetch(claim)
        except NothingToFetch:
            async with self._database.transaction() as connection:
                await repository.drop(connection, tenant_id=claim.tenant_id, id_=claim.id, attempt=claim.attempt)
            return "nothing"
        except NotGivenOut as refused:
            return await self._end(claim, "failed", refused.code)
        except (ServiceError, TimeoutError) as error:
            _log.info("file is not fetched", attempt=claim.attempt, error_class=type(error).__name__)
            return await self._again(claim)

    async def _fetch(self, claim: Claim) -> str:
        found = await self._find(claim)
        number = await self._directory.number(claim.phone_number_id)
        if number is None or number.tenant_id != claim.tenant_id:
            raise Unavailable("the number is not known now")
        async with self._files.spool(claim.tenant_id, claim.id) as spool:
            mime = await self._downloads.download(number, found, spool)
            written = await spool.seal()
            if await self._finish(claim, found, mime, written, spool):
                return "ready"
            await spool.discard()  # the row was deleted meanwhile, or another attempt won
        return "gone"

    async def _find(self, claim: Claim) -> Found:
        """The file that the person's message names, opened for this alone."""
        async with self._database.transaction() as connection:
            await self._check_quota(connection, claim.tenant_id, 1)
            stored = await inbound.contents(connection, tenant_ids=[claim.tenant_id], ids=[claim.inbound_id])
        if claim.inbound_id not in stored:
            raise Unavailable("the message is not stored")
        try:
            sealed = stored[claim.inbound_id].content
            plain = await open_inbound(self._keyring, claim.tenant_id, str(claim.inbound_id), sealed)
            message = _content.decode(plain).message
        except (crypto.CannotOpen, msgspec.MsgspecError):
            metrics.OPENINGS.labels("fetch", "failed").inc()
            raise NotGivenOut(DOWNLOAD_CODE) from None
        metrics.OPENINGS.labels("fetch", "opened").inc()
        return found_in(message)

    async def _finish(self, claim: Claim, found: Found, mime: str, written: Written, spool: Spool) -> bool:
        if found.digest and found.digest != written.sha256:
            raise Damaged("the file has another digest than Meta said")
        known = Details(meta_id=found.meta_id, sha256=written.sha256, filename=found.filename)
        now = clock.now()
        finished = Finished(
            tenant_id=claim.tenant_id,
            id=claim.id,
            attempt=claim.attempt,
            mime=mime,
            size=written.size,
            details=await details.seal(self._keyring, claim.tenant_id, claim.id, known),
            usable_until=claim.expires_at,  # as long as Meta knows its own id
            expires_at=now + self._keep,
        )
        async with self._database.transaction() as connection:
            await self._check_quota(connection, claim.tenant_id, written.size)
            if not await repository.finish(connection, finished):
                return False
            # The row is locked, so this replaces no other attempt's file; whether or not the commit's answer arrives,
            # a row that says ready has its file.
            await spool.place()
            return True

    async def _check_quota(self, connection: AsyncConnection, tenant_id: UUID, size: int) -> None:
        kept = await repository.kept(connection, tenant_id=tenant_id, direction="inbound")
        if kept.size + size > self._tenant_bytes_max or kept.files >= TENANT_FILES_MAX:
            _log.warning("tenant stores too much", tenant_id=str(tenant_id))
            raise Unavailable("the tenant stores too much now")

    async def _again(self, claim: Claim) -> str:
        wait = min(self._again_first_seconds * 2.0 ** min(claim.attempt - 1, 20), AGAIN_MAX_SECONDS)
        async with self._database.transaction() as connection:
            await repository.again(connection, claim, wait_seconds=wait * random.uniform(0.75, 1.25))  # noqa: S311
        return "again"

    async def _end(self, claim: Claim, state: str, code: int | None = None) -> str:
        async with self._database.transaction() as connection:
            await repository.end(connection, claim, state=state, error_code=code)
        return state

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
