"""Turns what Meta says outside messages and statuses into facts, for every tenant that it concerns."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts import platform as facts
from services.kernel.crypto.places import platform_value
from services.kernel.tenants import TenantDirectory
from services.webhook.parts.service import NULL, Change, Facts, Held, Reason
from services.webhook.people.service import NOT_A_DIGIT, AddressBook, alias_of, person_of, phone_of
from services.webhook.platform import shapes
from services.webhook.platform.readers import READERS, TEMPLATE_QUALITY, TEMPLATE_STATUS, Told
from services.webhook.routing.service import Owner, Subject, fit, owner_of, owners_by_display, owners_of_waba
from services.webhook.signatures.service import SignedFor

FIELDS = frozenset(READERS)

_encode = msgspec.json.Encoder(order="sorted").encode
_errors = msgspec.json.Decoder(shapes.ErrorItem, strict=False)


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """One of `user_preferences[]`; either identity may be missing."""

    value: facts.Preference
    category: shapes.Scalar = None
    timestamp: shapes.Scalar = None
    wa_id: str | None = None
    user_id: str | None = None


class Renaming(msgspec.Struct, frozen=True, kw_only=True):
    previous: str
    current: str


class Rename(msgspec.Struct, frozen=True, kw_only=True):
    """One of `user_id_update[]`: the person has another BSUID."""

    user_id: Renaming
    wa_id: str | None = None
    timestamp: shapes.Scalar = None


class Notice(NamedTuple):
    """What a `system` message says of a person: one identity became another."""

    previous: str
    current: str
    wa_id: str | None
    inbound_id: UUID
    at: datetime


_preferences = msgspec.json.Decoder(Preference, strict=False)
_renames = msgspec.json.Decoder(Rename, strict=False)


def read(directory: TenantDirectory, change: Change, signed_for: SignedFor) -> Facts | Held:
    """The facts of a change whose field is one of FIELDS, or why there are none.

    Raises msgspec.ValidationError for a value that is not as documented, PartTooLarge for one that no record carries.
    """
    change = change._replace(field=field_of(change))
    told = READERS[change.field](change.value)
    waba_id = told.waba_id or change.waba_id
    owners = _owners(directory, told, waba_id)
    allowed = [owner for owner in owners if owner.mode in signed_for]
    if not allowed:
        return Held(_why(told, owners), told.phone_number_id, waba_id, change.as_webhook())
    return Facts([_fact(owner, told, change, waba_id) for owner in allowed])


def field_of(change: Change) -> str:
    """The field that the value is of: Meta's own example of a quality report carries the name of the status (3.6)."""
    is_quality = change.field == TEMPLATE_STATUS and b'"new_quality_score"' in bytes(change.value)
    return TEMPLATE_QUALITY if is_quality else change.field


def error_reported(subject: Subject, raw: msgspec.Raw, *, beside: bytes) -> Facts:
    """The fact of one of `value.errors[]`; `beside` is whatever stands in the value with it, which tells two apart."""
    common = _common(subject.owner, subject.change, _value(subject, {"errors": [raw]}), beside=beside)
    number = subject.owner.phone_number_id
    code = shapes.meta_id(_errors.decode(raw).code)
    return Facts([facts.NumberErrorsReported(**common, phone_number_id=number, code=int(code[:9]) if code else None)])


def preference_changed(subject: Subject, raw: msgspec.Raw, people: AddressBook) -> Facts:
    """The fact of one of `user_preferences[]`; raises msgspec.ValidationError, PersonUnknown."""
    said = _preferences.decode(raw)
    contact, raw_contact = people.contact_of(said.wa_id, said.user_id)
    value = _value(subject, {"contacts": _contacts(raw_contact), "user_preferences": [raw]})
    owner = subject.owner
    fact = facts.PreferenceChanged(
        **_common(owner, subject.change, value, at=shapes.moment(said.timestamp)),
        phone_number_id=owner.phone_number_id,
        person=person_of(owner.index_key, wa_ids=(said.wa_id, contact.wa_id), user_ids=(said.user_id, contact.user_id)),
        category=shapes.some_word(said.category).lower(),
        value=said.value,
    )
    return Facts([fact])


def renamed(subject: Subject, raw: msgspec.Raw, people: AddressBook) -> Facts:
    """The fact of one of `user_id_update[]`; raises msgspec.ValidationError."""
    said = _renames.decode(raw)
    contact, raw_contact = people.contact_of(said.wa_id, said.user_id.current)
    value = _value(subject, {"contacts": _contacts(raw_contact), "user_id_update": [raw]})
    owner = subject.owner
    fact = facts.PersonRenamed(
        **_common(owner, subject.change, value, at=shapes.moment(said.timestamp)),
        phone_number_id=owner.phone_number_id,
        person=person_of(owner.index_key, wa_ids=(said.wa_id, contact.wa_id), user_ids=(said.user_id.current,)),
        previous=alias_of(owner.index_key, said.user_id.previous),
        current=alias_of(owner.index_key, said.user_id.current),
        inbound_id=None,
    )
    return Facts([fact])


def renamed_by_notice(subject: Subject, raw: msgspec.Raw, notice: Notice) -> facts.PersonRenamed:
    """The fact that a `system` message means; raises PersonUnknown for identities that are none."""
    owner = subject.owner
    return facts.PersonRenamed(
        **_common(owner, subject.change, _value(subject, {"messages": [raw]}), at=notice.at),
        phone_number_id=owner.phone_number_id,
        person=person_of(owner.index_key, wa_ids=(notice.wa_id,), user_ids=(notice.current,)),
        previous=alias_of(owner.index_key, notice.previous),
        current=alias_of(owner.index_key, notice.current),
        inbound_id=notice.inbound_id,
    )


def _owners(directory: TenantDirectory, told: Told, waba_id: str) -> list[Owner]:
    if told.phone_number_id is not None:
        owner = owner_of(directory, told.phone_number_id)
        return [owner] if owner else []
    if told.display is not None:
        return owners_by_display(directory, waba_id, phone_of(NOT_A_DIGIT.sub("", told.display)))
    return owners_of_waba(directory, waba_id)


def _why(told: Told, owners: list[Owner]) -> Reason:
    if owners:
        return "wrong_signer"
    return "unknown_waba" if told.phone_number_id is None and told.display is None else "unknown_number"


def _fact(owner: Owner, told: Told, change: Change, waba_id: str) -> facts.Said:
    common = _common(owner, change, change.value) | {"waba_id": waba_id}
    if issubclass(told.fact, facts.SaidOfNumber):
        is_named = told.display is not None or told.phone_number_id is not None
        common["phone_number_id"] = owner.phone_number_id if is_named else None
    return told.fact(**common, **told.fields)


def _common(
    owner: Owner, change: Change, value: object, *, at: datetime | None = None, beside: bytes = b""
) -> dict[str, Any]:
    """What all of these facts have.

    The id is that of tenant, WABA, time, field and value, so that a redelivery says the same fact. Where Meta names no
    time, the same words on another day (UTC) are another fact.
    """
    entry_time = datetime.fromtimestamp(change.time, UTC) if change.time else None
    occurred_at = at or entry_time or clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    sealed = fit(msgspec.json.encode(value))
    identity = [change.waba_id, occurred_at, change.field, msgspec.json.decode(sealed), beside.hex()]
    tenant_id = owner.tenant.tenant_id
    id_ = event_id(tenant_id, f"platform:{crypto.keyed_hash(owner.index_key, _encode(identity)).hex()}")
    return {
        "id": id_,
        "occurred_at": occurred_at,
        "tenant_id": tenant_id,
        "field": change.field,
        "waba_id": change.waba_id,
        "entry_time": entry_time,
        "sealed_value": crypto.seal(owner.data_key, platform_value(tenant_id, str(id_)), sealed),
    }


def _value(subject: Subject, parts: dict[str, object]) -> dict[str, object]:
    """Meta's value with nothing but these parts in it."""
    return {"messaging_product": "whatsapp", "metadata": subject.metadata, **parts}


def _contacts(raw: msgspec.Raw) -> list[msgspec.Raw]:
    return [] if bytes(raw) == bytes(NULL) else [raw]
