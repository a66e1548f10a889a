"""What is decided about a message, with everything that was known, and the facts that it becomes (hot path)."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.consent.clearance import rules
from services.consent.clearance.rules import Ground
from services.consent.policy.service import Verdict
from services.kernel.contracts import event_id
from services.kernel.contracts.clearances import Basis, MessageCleared, MessageRefused
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import Category, Kind, MessageAccepted, Origin


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `decisions`: the columns have these names, and what was not known is null."""

    tenant_id: UUID
    message_id: UUID
    person: str
    phone_number_id: str
    kind: Kind
    category: Category
    country: str
    purpose: Purpose
    tenant_class: str
    rule_id: str
    rule_version: int
    decided_at: datetime
    expires_at: datetime
    basis: Basis | None = None
    code: int | None = None
    reason: str | None = None
    state: str | None = None
    consent_id: UUID | None = None
    since: datetime | None = None
    source: str | None = None
    last_withdrawn_at: datetime | None = None
    last_inbound_at: datetime | None = None
    window_expires_at: datetime | None = None
    entry_point_expires_at: datetime | None = None
    origin: Origin | None = None

    @property
    def policy(self) -> str:
        """The rule that spoke, as facts and people name it."""
        return f"{self.rule_id}@{self.rule_version}"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A message to decide about, as its acceptance or somebody's question describes it."""

    tenant_id: UUID
    message_id: UUID
    person: str
    phone_number_id: str
    kind: Kind
    category: Category
    country: str
    expires_at: datetime
    origin: Origin | None = None


def decide(
    case: Case | MessageAccepted,
    *,
    purpose: Purpose,
    tenant_class: str,
    verdict: Verdict,
    ground: Ground,
    now: datetime,
) -> Decision:
    """The decision about one message; pure."""
    origin: Origin | None = "confirmation" if case.origin == "confirmation" else None
    refusal = rules.judge(verdict, case.kind, ground, now, origin)
    code, reason = refusal or (None, None)
    state, consent_id, since, source, withdrawn_at, inbound_at, window_expires_at, entry_point_expires_at = ground
    return Decision(
        tenant_id=case.tenant_id,
        message_id=case.message_id,
        person=case.person,
        phone_number_id=case.phone_number_id,
        kind=case.kind,
        category=case.category,
        country=case.country,
        purpose=purpose,
        tenant_class=tenant_class,
        rule_id=verdict.rule_id,
        rule_version=verdict.version,
        decided_at=now,
        expires_at=case.expires_at,
        basis=None if refusal else rules.basis_of(case.kind),
        code=code,
        reason=reason,
        state=state,
        consent_id=consent_id,
        since=since,
        source=source,
        last_withdrawn_at=withdrawn_at,
        last_inbound_at=inbound_at,
        window_expires_at=window_expires_at,
        entry_point_expires_at=entry_point_expires_at,
        origin=origin,
    )


def decide_anew(decision: Decision, tenant_class: str, verdict: Verdict, ground: Ground, now: datetime) -> Decision:
    """The decision about a message that was decided about before, with what is known now."""
    case = Case(**{name: getattr(decision, name) for name in Case.__struct_fields__})
    return decide(case, purpose=decision.purpose, tenant_class=tenant_class, verdict=verdict, ground=ground, now=now)


def fact_of(decision: Decision, message: MessageAccepted) -> MessageCleared | MessageRefused:
    """What the others learn; an acceptance says the same at every delivery, also where it is published again."""
    if decision.code is not None and decision.reason is not None:
        return MessageRefused(
            id=event_id(message.message_id, "refused"),
            occurred_at=decision.decided_at,
            tenant_id=message.tenant_id,
            message_id=message.message_id,
            person=decision.person,
            code=decision.code,
            reason=decision.reason,
            lane=message.lane,
            policy=decision.policy,
        )
    assert decision.basis is not None, "what is not refused has a ground"
    return MessageCleared(
        id=event_id(message.message_id, "cleared"),
        occurred_at=decision.decided_at,
        tenant_id=message.tenant_id,
        message_id=message.message_id,
        person=decision.person,
        kind=message.kind,
        category=message.category,
        basis=decision.basis,
        window_expires_at=rules.open_at(decision.window_expires_at, decision.decided_at),
        expires_at=message.expires_at,
        max_price_micros=message.max_price_micros,
        lane=message.lane,
        consent_id=decision.consent_id if decision.basis == "consent" else None,
        policy=decision.policy,
        entry_point_expires_at=rules.open_at(decision.entry_point_expires_at, decision.decided_at),
    )
