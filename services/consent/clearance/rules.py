"""The rules of clearance as pure functions: policy first, then consent for templates or the window for the rest."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from services.consent.policy.service import Verdict
from services.kernel.contracts.clearances import Basis
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import Category, Kind, Origin

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


class Ground(NamedTuple):
    """What is known about a person at a moment: the purpose's state, and the window of the conversation.

    The free entry point decides nothing here: it makes messages free, and only the window lets free text out.
    """

    state: str | None = None
    consent_id: UUID | None = None
    since: datetime | None = None
    source: str | None = None
    last_withdrawn_at: datetime | None = None
    last_inbound_at: datetime | None = None
    window_expires_at: datetime | None = None
    entry_point_expires_at: datetime | None = None


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


NOTHING_KNOWN = Ground()


def is_free_form(kind: Kind) -> bool:
    """Whatever is no template is an answer, a reaction too: it needs an open window."""
    return kind != "template"


def purpose_of(kind: Kind, category: Category) -> Purpose:
    """A free-form message is an answer, whatever its category says."""
    return "service" if is_free_form(kind) else PURPOSE_OF[category]


def basis_of(kind: Kind) -> Basis:
    return "window" if is_free_form(kind) else "consent"


def open_at(expires_at: datetime | None, now: datetime) -> datetime | None:
    """When what is open at `now` closes; None for what is closed or never was open."""
    return expires_at if expires_at is not None and now < expires_at else None


def judge(verdict: Verdict, kind: Kind, ground: Ground, now: datetime, origin: Origin | None = None) -> Refusal | None:
    """Asked when a message is cleared, and again right before its call; None lets it go.

    A confirmation is the one word that a person gets after a STOP; it too needs the window that the STOP opened.
    """
    if origin == "confirmation":
        return judge_policy(verdict) or judge_open(ground, now)
    return judge_policy(verdict) or judge_ground(kind, ground, now)


def judge_policy(verdict: Verdict) -> Refusal | None:
    return Refusal(POLICY_CODE, "policy") if verdict.outcome == "refuse" else None


def judge_ground(kind: Kind, ground: Ground, now: datetime) -> Refusal | None:
    return judge_window(ground, now) if is_free_form(kind) else judge_consent(ground)


def judge_consent(ground: Ground) -> Refusal | None:
    if ground.state == "given":
        return None
    return Refusal(CONSENT_CODE, "withdrawn" if ground.state == "withdrawn" else "no_consent")


def judge_window(ground: Ground, now: datetime) -> Refusal | None:
    if (closed := judge_open(ground, now)) is not None:
        return closed
    return Refusal(CONSENT_CODE, "withdrawn") if _is_silent_since_withdrawal(ground) else None


def judge_open(ground: Ground, now: datetime) -> Refusal | None:
    is_open = open_at(ground.window_expires_at, now) is not None
    return None if is_open else Refusal(WINDOW_CODE, "window_closed")


def _is_silent_since_withdrawal(ground: Ground) -> bool:
    """STOP is an inbound message too; only a later one says that the person wants an answer."""
    if ground.state != "withdrawn" or ground.last_withdrawn_at is None or ground.last_inbound_at is None:
        return False
    return ground.last_inbound_at <= ground.last_withdrawn_at
