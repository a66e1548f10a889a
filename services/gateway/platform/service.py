"""Remembers what Meta says of templates, numbers and accounts, and tells the tenant each of it once.

A template that Meta does not let pass stops being sent as soon as the send door reads it again. A restricted or
banned account is remembered and told, and its numbers stay as they are: Meta itself refuses what it does not allow,
with a code that means "not sent", and knows best when that ends; a suspension of ours would outlive Meta's mistake.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.platform import repository
from services.gateway.platform.repository import OfNumber, OfTemplate, OfWaba
from services.kernel.contracts import platform as facts
from services.kernel.kafka import inbox

GROUP = "gateway.platform"

#: Meta's events (whatsapp-cloud-api 3.6) as states of ours. FLAGGED is a warning: the template may still be sent.
STATES = {
    "APPROVED": "approved",
    "REINSTATED": "approved",
    "UNARCHIVED": "approved",
    "PENDING": "pending",
    "IN_APPEAL": "pending",
    "REJECTED": "rejected",
    "PAUSED": "paused",
    "DISABLED": "disabled",
    "LIMIT_EXCEEDED": "disabled",
    "LOCKED": "disabled",
    "DELETED": "disabled",
    "PENDING_DELETION": "disabled",
    "ARCHIVED": "disabled",
}
CATEGORIES = frozenset({"utility", "authentication", "marketing"})
#: Events that say whether we still reach an account (3.7).
CONNECTIONS = frozenset({
    "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "ACCOUNT_RECONNECTED", "PARTNER_ADDED", "PARTNER_REMOVED",
    "PARTNER_APP_INSTALLED", "PARTNER_APP_UNINSTALLED",
})  # fmt: skip

_encode = msgspec.json.Encoder().encode


async def apply(connection: AsyncConnection, said: Sequence[facts.Said]) -> None:
    """Apply what is heard for the first time, and queue it for the tenant. Repetitions change nothing."""
    unique = list({one.id: one for one in said}.values())
    new_ids = await inbox.first_sight(connection, GROUP, unique)
    new = [one for one in unique if one.id in new_ids]
    await _remember_templates(connection, new)
    await _remember_numbers(connection, new)
    if standings := [standing for one in new for standing in _standings(one)]:
        await repository.set_standings(connection, standings)
    await callbacks.enqueue(connection, [_told(one) for one in new if _is_told(one)])


async def _remember_templates(connection: AsyncConnection, new: Sequence[facts.Said]) -> None:
    if states := list(_states(new)):
        await repository.set_states(connection, states)
    if categories := list(_categories(new)):
        await repository.set_categories(connection, categories)
    qualities = [_of_template(one, one.quality) for one in new if isinstance(one, facts.TemplateQualityChanged)]
    if qualities:
        await repository.set_qualities(connection, qualities)


async def _remember_numbers(connection: AsyncConnection, new: Sequence[facts.Said]) -> None:
    limits = [
        OfNumber(one.tenant_id, one.phone_number_id, one.limit, one.occurred_at, one.event)
        for one in new
        if isinstance(one, facts.NumberQualityChanged) and one.phone_number_id
    ]
    names = [
        OfNumber(one.tenant_id, one.phone_number_id, one.decision, one.occurred_at)
        for one in new
        if isinstance(one, facts.NumberNameChanged) and one.phone_number_id
    ]
    if limits:
        await repository.set_limits(connection, limits)
    if names:
        await repository.set_names(connection, names)


def _states(new: Iterable[facts.Said]) -> Iterator[OfTemplate]:
    for one in new:
        if isinstance(one, facts.TemplateStatusChanged) and one.status in STATES:
            yield _of_template(one, STATES[one.status])._replace(word=one.status, reason=one.reason)


def _categories(new: Iterable[facts.Said]) -> Iterator[OfTemplate]:
    for one in new:
        if isinstance(one, facts.TemplateStatusChanged | facts.TemplateCategoryChanged):
            category = (one.category or "").lower()
            if category in CATEGORIES:
                yield _of_template(one, category)


def _of_template(one: facts.SaidOfTemplate, value: str) -> OfTemplate:
    return OfTemplate(one.tenant_id, one.waba_id, one.name, one.language, value, one.occurred_at)


def _standings(one: facts.Said) -> Iterator[OfWaba]:
    """What a fact says of an account: each aspect is the latest word of its kind."""
    for aspect, value in _aspects(one):
        yield OfWaba(one.tenant_id, one.waba_id, aspect, _encode(value).decode(), one.occurred_at)


def _aspects(one: facts.Said) -> Iterator[tuple[str, object]]:
    match one:
        case facts.AccountReviewed():
            yield "review", {"decision": one.decision}
        case facts.AccountCapabilityChanged():
            yield "limits", {"conversations_a_day": one.conversations_a_day, "numbers": one.numbers}
        case facts.AccountUpdated():
            if one.event in CONNECTIONS:
                yield "connection", {"event": one.event, "partnership": one.partnership}
            if one.event == "ACCOUNT_RESTRICTION":
                yield "restrictions", {"restrictions": one.restrictions}
            if one.violation:
                yield "violation", {"type": one.violation}
            if one.ban:
                yield "ban", one.ban


def _is_told(one: facts.Said) -> bool:
    """A notice about a person comes as an inbound message already."""
    return not (isinstance(one, facts.PersonRenamed) and one.inbound_id is not None)


def _told(one: facts.Said) -> CallbackFact:
    content = {
        "field": one.field,
        "waba_id": one.waba_id,
        "sealed_value": base64.b64encode(one.sealed_value).decode(),
        "time": int(one.entry_time.timestamp()) if one.entry_time else None,
    }
    return CallbackFact(
        event_id=one.id,
        tenant_id=one.tenant_id,
        person="",
        phone_number_id="",
        kind="platform",
        topic=one.field,
        subject_id=one.id,
        occurred_at=one.occurred_at,
        content=_encode(content),
    )
