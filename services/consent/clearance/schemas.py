"""The question right before a call (hot path: msgspec), and what the gateway asks for its tenants (Pydantic)."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, StringConstraints

from services.consent.clearance import rules
from services.consent.clearance.decisions import Decision
from services.consent.clearance.rules import Answer
from services.consent.clearance.words import Step
from services.kernel.contracts.messages import Category, Kind

QUESTIONS_MAX = 2_000  # one claim of the dispatcher holds a few hundred


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenant_id: UUID
    message_id: UUID


class Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    questions: Annotated[tuple[Question, ...], msgspec.Meta(max_length=QUESTIONS_MAX)]


class AnswerList(msgspec.Struct, frozen=True):
    """In the order of the questions."""

    answers: list[Answer]


class TraceStep(BaseModel):
    """One rule that was asked: what was known, what it said, and both in words."""

    rule: str
    version: int
    outcome: Literal["allow", "refuse"]
    facts: dict[str, str]
    text: str
    text_ru: str


class Decided(BaseModel):
    """What was decided about a message when it was first seen; a stop right before its call is a step more."""

    outcome: Literal["cleared", "refused"]
    decided_at: datetime
    trace: list[TraceStep]

    @classmethod
    def of(cls, decision: Decision, steps: list[Step]) -> Self:
        return cls(outcome=_outcome(decision), decided_at=decision.decided_at, trace=_trace(steps))


class CheckIn(BaseModel):
    """A message that nobody sends; `person` is the tenant's index of the person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: UUID
    phone_number_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
    person: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    kind: Kind
    category: Category
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|001)?$")]


class Checked(BaseModel):
    """What would be decided now. `code` and `reason` are null where it would go; the two times are null when closed."""

    outcome: Literal["cleared", "refused"]
    code: int | None
    reason: str | None
    window_expires_at: datetime | None
    entry_point_expires_at: datetime | None
    policy: str
    trace: list[TraceStep]

    @classmethod
    def of(cls, decision: Decision, steps: list[Step]) -> Self:
        return cls(
            outcome=_outcome(decision),
            code=decision.code,
            reason=decision.reason,
            window_expires_at=rules.open_at(decision.window_expires_at, decision.decided_at),
            entry_point_expires_at=rules.open_at(decision.entry_point_expires_at, decision.decided_at),
            policy=decision.policy,
            trace=_trace(steps),
        )


def _outcome(decision: Decision) -> Literal["cleared", "refused"]:
    return "cleared" if decision.code is None else "refused"


def _trace(steps: list[Step]) -> list[TraceStep]:
    return [TraceStep.model_validate(step, from_attributes=True) for step in steps]
