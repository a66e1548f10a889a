"""Many messages in one request: each is read and accepted by itself, and no one's fate is another's."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

import msgspec

from services.gateway.graph.answers import failure, success
from services.gateway.graph.batch_pacing import SLICE, Pacing
from services.gateway.graph.decoding import decode, too_large
from services.gateway.graph.errors import Busy, GraphError, RateLimited, ServerError
from services.gateway.graph.limits import BODY_BYTES_MAX
from services.gateway.graph.options import read_expiry, read_key
from services.gateway.graph.schemas import read_send
from services.gateway.graph.sends import Posting
from services.gateway.graph.service import Door
from services.gateway.tenants.service import ApiPrincipal
from services.kernel.logging import get_logger

MESSAGES_MAX = 1_000
BYTES_MAX = 4 * 1024 * 1024  # 1,000 messages of 4 KB, or fewer larger ones
IN_FLIGHT_MAX = 8  # batches that one process works on
TENANT_IN_FLIGHT_MAX = 4  # of one tenant, while they are read too: 16 MB
TURN = 25  # messages that are begun before others get their turn: about 2 ms
LINE_SECONDS_MAX = 15.0  # a batch that would wait longer for its results than its client does is refused
RETRY_AFTER_SECONDS = 1

_log = get_logger()


class Batch(msgspec.Struct):
    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MESSAGES_MAX)]


class Item(msgspec.Struct):
    phone_number_id: str
    message: msgspec.Raw
    idempotency_key: str | None = None
    expires_in: int | None = None


_batch = msgspec.json.Decoder(Batch)
_item = msgspec.json.Decoder(Item)


class Batches:
    """Takes batches in; a few of a tenant are read, and IN_FLIGHT_MAX worked on, at a time."""

    def __init__(self, door: Door, pacing: Pacing) -> None:
        self._door = door
        self._pacing = pacing
        self._in_flight = 0
        self._of_tenant: Counter[UUID] = Counter()

    @contextmanager
    def room(self, tenant_id: UUID) -> Iterator[None]:
        """A tenant's place for one batch, from the first byte of its body to its results; raises RateLimited."""
        if self._of_tenant[tenant_id] >= TENANT_IN_FLIGHT_MAX:
            words = f"At most {TENANT_IN_FLIGHT_MAX} batches of one account at a time: wait for the results of one."
            raise RateLimited(words, retry_after_seconds=RETRY_AFTER_SECONDS)
        self._of_tenant[tenant_id] += 1
        try:
            yield
        finally:
            self._of_tenant[tenant_id] -= 1
            self._of_tenant += Counter()  # drops tenants that send none

    async def post(self, principal: ApiPrincipal, raw: bytes) -> list[dict[str, Any]]:
        """One result for each message, in order; raises GraphError for what is no batch at all."""
        if self._in_flight >= IN_FLIGHT_MAX or self._pacing.line_seconds > LINE_SECONDS_MAX:
            raise Busy("Too many batches at once: try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
        self._in_flight += 1
        try:
            return await self._post_all(principal, decode(_batch, raw).messages)
        finally:
            self._in_flight -= 1

    async def _post_all(self, principal: ApiPrincipal, items: list[msgspec.Raw]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        left = len(items)
        self._pacing.waiting += left
        try:
            for first in range(0, len(items), SLICE):
                part = items[first : first + SLICE]
                async with self._pacing.turn(len(part)):
                    self._pacing.waiting -= len(part)
                    left -= len(part)
                    results += await self._post_slice(principal, part, first)
        finally:
            self._pacing.waiting -= left  # of a client that is gone
        return results

    async def _post_slice(self, principal: ApiPrincipal, items: list[msgspec.Raw], first: int) -> list[dict[str, Any]]:
        if self._pacing.is_stopping:  # what was accepted must be told before the process ends
            stopping = Busy("This process is stopping: try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
            return [_refused(stopping) for _ in items]
        tasks: list[asyncio.Task[dict[str, Any]]] = []
        for number, raw in enumerate(items, first):
            tasks.append(asyncio.create_task(self._post_one(principal, raw, number)))
            if len(tasks) % TURN == 0:
                await asyncio.sleep(0)  # in order, and with turns for others
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [_fallen(one) if isinstance(one, BaseException) else one for one in results]

    async def _post_one(self, principal: ApiPrincipal, raw: msgspec.Raw, number: int) -> dict[str, Any]:
        try:
            self._door.take_token(principal)
            item = decode(_item, raw, f"messages[{number}]")
            message = bytes(item.message)
            if len(message) > BODY_BYTES_MAX:
                raise too_large()
            posting = Posting(
                phone_number_id=item.phone_number_id,
                send=read_send(message),
                idempotency_key=read_key(item.idempotency_key, f"messages[{number}].idempotency_key"),
                expires_in_seconds=read_expiry(item.expires_in, f"messages[{number}].expires_in"),
            )
            message_id = await self._door.accept(principal, posting)
        except GraphError as error:
            return _refused(error)
        return {"status": 200, "response": success(posting.send, str(message_id))}


def _refused(error: GraphError) -> dict[str, Any]:
    result: dict[str, Any] = {"status": error.status, **failure(error)}
    if error.retry_after_seconds is not None:
        result["retry_after_seconds"] = error.retry_after_seconds
    return result


def _fallen(error: BaseException) -> dict[str, Any]:
    """Of a message whose acceptance met a bug; the others have their own results."""
    if not isinstance(error, Exception):
        raise error
    _log.error("message of a batch failed", exc_info=error)
    return _refused(ServerError("An unexpected error: it was logged and will be looked at."))
