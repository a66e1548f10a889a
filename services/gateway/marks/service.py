"""Read marks and typing indicators: looked up, and passed to Meta at once; they are no messages and cost nothing."""

import asyncio

from services.gateway.graph.errors import Busy, Down
from services.gateway.graph.refusals import refusal_of
from services.gateway.graph.rewriting import wamid
from services.gateway.graph.sends import ReadMark
from services.gateway.references.service import References
from services.gateway.tenants.service import Number
from services.gateway.upstream.service import Upstream
from services.kernel.errors import Unavailable

IN_FLIGHT_MAX = 64  # requests to Meta; a mark takes about 100 ms there
WAITING_MAX = 1_000
TIMEOUT_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1


class ReadMarks:
    """Tells Meta that people's messages were read."""

    def __init__(self, references: References, upstream: Upstream) -> None:
        self._references = references
        self._upstream = upstream
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._waiting = 0

    async def mark(self, number: Number, mark: ReadMark) -> None:
        """Return when Meta took the mark; raises GraphError, and outages of the database as they come."""
        their_id = await wamid(self._references, number, mark.message_id, "message_id", must_be_inbound=True)
        request: dict[str, object] = {"messaging_product": "whatsapp", "status": "read", "message_id": their_id}
        if mark.is_typing:
            request["typing_indicator"] = {"type": "text"}
        if self._waiting >= WAITING_MAX:
            raise Busy("Too many read marks wait for Meta: try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            async with self._slots:
                await self._tell(number, request)
        finally:
            self._waiting -= 1

    async def _tell(self, number: Number, request: dict[str, object]) -> None:
        path = f"/{number.phone_number_id}/messages"
        try:
            answer = await self._upstream.request(number, "POST", path, json=request, timeout_seconds=TIMEOUT_SECONDS)
        except Unavailable as error:
            raise Down("Meta does not answer: try again.", retry_after_seconds=RETRY_AFTER_SECONDS) from error
        if not answer.ok:
            raise refusal_of(answer)
