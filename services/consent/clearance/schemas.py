"""The question right before a call, and its answers, as they travel (hot path: msgspec)."""

from typing import Annotated
from uuid import UUID

import msgspec

from services.consent.clearance.rules import Answer

QUESTIONS_MAX = 2_000  # one claim of the dispatcher holds a few hundred


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenant_id: UUID
    message_id: UUID


class Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    questions: Annotated[tuple[Question, ...], msgspec.Meta(max_length=QUESTIONS_MAX)]


class AnswerList(msgspec.Struct, frozen=True):
    """In the order of the questions."""

    answers: list[Answer]
