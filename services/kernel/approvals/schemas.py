"""HTTP shapes of approvals."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.kernel.approvals.service import LIST_MAX, Approval

REASON_CHARACTERS_MAX = 500

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(min_length=1, max_length=REASON_CHARACTERS_MAX),
]
State = Literal["requested", "approved", "refused", "expired"]


class Filter(BaseModel):
    """Which approvals; without a state those that wait for a second person."""

    model_config = ConfigDict(extra="forbid")

    state: State | Literal["all"] = "requested"
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,60}$")] | None = None
    tenant_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=LIST_MAX)] = 50


class Refusal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ApprovalAnswer(BaseModel):
    """What was asked for, by whom, and what became of it."""

    id: UUID
    kind: str
    tenant_id: UUID | None
    payload: dict[str, Any]
    reason: str
    state: State
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    result: dict[str, Any] | None


class Approvals(BaseModel):
    data: list[ApprovalAnswer]


def answer_of(approval: Approval) -> ApprovalAnswer:
    return ApprovalAnswer.model_validate(approval, from_attributes=True)
