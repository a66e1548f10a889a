"""The rules of clearance as pure functions: policy first, then consent for templates or the window for the rest."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from services.consent.policy.service import Verdict
from services.kernel.contracts.clearances import Basis, TraceStep
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import Category, Kind

# Meta's codes (whatsapp-cloud-api, section 4). 130497 is "may not message this country", final per country: what a rule
# of ours says by country and category. 131049 would invite another try after 24 hours.
POLICY_CODE = 130497
CONSENT_CODE = 131050
WINDOW_CODE = 131047

RULES_VERSION = 1

PURPOSE_OF: dict[Category, Purpose] = {
    "service": "service",
    "utility": "service",
    "authentication": "authentication",
    "marketing": "marketing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known about a person at a moment: the purpose's state, and the window of the conversation."""

    state: str | None = None
    consent_id: object | None = None
    since: datetime | None = None
    last_withdrawn_at: datetime | None = None
    last_inbound_at: datetime | None = None
    window_expires_at: datetime | None = None

    def is_window_open(self, now: datetime) -> bool:
        return self.window_expires_at is not None and now < self.window_expires_at


class Refusal(NamedTuple):
    """Meta's code, and our reason from the closed set of interfaces.md."""

    code: int
    reason: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is Meta's and `reason` ours where the answer is stop; an expired message has no code."""

    message_id: UUID
    answer: Literal["send", "stop", "wait"]
    code: int | None = None
    reason: str | None = None


def is_free_form(kind: Kind) -> bool:
    """Whatever is no template is an answer, a reaction too: it needs an open window."""
    return kind != "template"


def purpose_of(kind: Kind, category: Category) -> Purpose:
    """A free-form message is an answer, whatever its category says."""
    return "service" if is_free_form(kind) else PURPOSE_OF[category]


def basis_of(kind: Kind) -> Basis:
    return "window" if is_free_form(kind) else "consent"


def judge_policy(verdict: Verdict) -> Refusal | None:
    return Refusal(POLICY_CODE, "policy") if verdict.outcome == "refuse" else None


def judge_ground(kind: Kind, ground: Ground, now: datetime) -> Refusal | None:
    """Asked when a message is cleared, and again right before its call."""
    return _judge_window(ground, now) if is_free_form(kind) else _judge_consent(ground)


def trace_policy(verdict: Verdict) -> TraceStep:
    return TraceStep(
        rule="policy", version=verdict.version, outcome=verdict.outcome, facts={"policy_rule_id": verdict.rule_id}
    )


def trace_ground(kind: Kind, ground: Ground, refusal: Refusal | None) -> TraceStep:
    """Which consent or window was looked at: ids, states and times, never content."""
    names = ("last_inbound_at", "window_expires_at") if is_free_form(kind) else ("consent_id", "state", "since")
    if refusal is not None and refusal.reason == "withdrawn":
        names = (*names, "last_withdrawn_at")
    facts = {name: _plain(value) for name in names if (value := getattr(ground, name)) is not None}
    return TraceStep(rule=basis_of(kind), version=RULES_VERSION, outcome="refuse" if refusal else "allow", facts=facts)


def _judge_consent(ground: Ground) -> Refusal | None:
    if ground.state == "given":
        return None
    return Refusal(CONSENT_CODE, "withdrawn" if ground.state == "withdrawn" else "no_consent")


def _judge_window(ground: Ground, now: datetime) -> Refusal | None:
    if not ground.is_window_open(now):
        return Refusal(WINDOW_CODE, "window_closed")
    return Refusal(CONSENT_CODE, "withdrawn") if _is_silent_since_withdrawal(ground) else None


def _is_silent_since_withdrawal(ground: Ground) -> bool:
    """STOP is an inbound message too; only a later one says that the person wants an answer."""
    if ground.state != "withdrawn" or ground.last_withdrawn_at is None or ground.last_inbound_at is None:
        return False
    return ground.last_inbound_at <= ground.last_withdrawn_at


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
