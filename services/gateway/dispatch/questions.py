"""The question before the calls: may these go, now? (hot path)"""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row

from services.kernel.client import InternalClient, RemoteProblem
from services.kernel.errors import Unavailable

PATH = "/internal/questions"
# The answer counts for one second from the moment of asking, so a later one is worth nothing.
ANSWER_WITHIN_SECONDS = 1.0


class Answer(msgspec.Struct):
    """Consent's word about one message; `code` and `reason` come with "stop"."""

    message_id: UUID
    answer: Literal["send", "stop", "wait"]
    code: int | None = None
    reason: str | None = None


class _Answers(msgspec.Struct):
    answers: list[Answer]


_decoder = msgspec.json.Decoder(_Answers)


class Questions:
    """Asks consent, one POST for each claim; no answer means no send yet."""

    def __init__(self, consent: InternalClient) -> None:
        self._consent = consent

    async def ask(self, rows: Sequence[Row[Any]]) -> list[Answer]:
        """An answer for every row, in order; raises Unavailable when consent does not answer in time."""
        asked = [{"tenant_id": row.tenant_id, "message_id": row.message_id} for row in rows]
        answer = await self._consent.exchange(
            "POST", PATH, body=msgspec.json.encode({"questions": asked}), timeout_seconds=ANSWER_WITHIN_SECONDS
        )
        if answer.status != 200:
            raise RemoteProblem("consent", answer)
        try:
            answers = _decoder.decode(answer.body).answers
        except msgspec.MsgspecError as error:
            raise Unavailable("consent's answer cannot be read") from error
        if [found.message_id for found in answers] != [row.message_id for row in rows]:
            raise Unavailable("consent answered other questions than were asked")
        return answers
