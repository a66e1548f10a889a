"""Turns one of Meta's status objects into the fact that Meta reported it (hot path)."""

from datetime import UTC, datetime
from typing import Annotated, get_args
from uuid import UUID

import msgspec

from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.statuses import Pricing, ReportedStatus, StatusReported
from services.kernel.crypto.places import status_details
from services.kernel.identifiers import text_of
from services.webhook.parts.service import LATEST_UNIX_SECONDS
from services.webhook.people.service import AddressBook, Known
from services.webhook.routing.service import Owner, fit

#: Statuses and recipients that Meta documents and that change nothing here: names for a metric, which must not grow at
#: will. What is played was delivered; groups are not served.
UNUSED_STATUSES = frozenset({"played", "deleted"})
GROUP = "group"

REPORTED: dict[str, ReportedStatus] = {status: status for status in get_args(ReportedStatus)}
CANONICAL_UUID_LENGTH = 36
ERROR_CODE_MAX = 2**31 - 1  # what a column of codes holds; Meta's have up to seven digits
NO_ERRORS = msgspec.Raw(b"null")

UnixSeconds = Annotated[int, msgspec.Meta(ge=0, le=LATEST_UNIX_SECONDS)]


class ErrorCode(msgspec.Struct, frozen=True):
    code: Annotated[int, msgspec.Meta(ge=0, le=ERROR_CODE_MAX)] | None = None


class Report(msgspec.Struct, frozen=True):
    """The fields of `statuses[]` that we use (whatsapp-cloud-api 3.5); time stamps come as text or as numbers."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    status: str
    timestamp: UnixSeconds
    biz_opaque_callback_data: str | None = None
    recipient_type: str | None = None
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    pricing: Pricing | None = None
    errors: msgspec.Raw = NO_ERRORS  # msgspec knows no optional Raw

    def __repr__(self) -> str:
        return f"Report(status={self.status!r})"


_reports = msgspec.json.Decoder(Report, strict=False)
_error_codes = msgspec.json.Decoder(tuple[ErrorCode, ...] | None, strict=False)


def read(raw: msgspec.Raw) -> Report:
    """Raises msgspec.ValidationError for an object that is no status."""
    return _reports.decode(raw)


def ignored_reason(report: Report) -> str | None:
    """Why nobody here has a use for a report, or None."""
    if report.recipient_type == GROUP:
        return "status_group"
    if report.status in REPORTED:
        return None
    return f"status_{report.status}" if report.status in UNUSED_STATUSES else "status_other"


def reported(owner: Owner, report: Report, raw: msgspec.Raw, people: AddressBook) -> StatusReported:
    """The fact of a report whose status is one of REPORTED.

    The same status of the same message has the same id however often Meta says it; Meta's own words
    name the recipient and are sealed.
    """
    tenant_id = owner.tenant.tenant_id
    wamid_index = crypto.blind_index(owner.index_key, "wamid", report.id)
    identity = event_id(tenant_id, f"status:{wamid_index}:{report.status}")
    message_id = message_id_of(report)
    return StatusReported(
        id=identity,
        occurred_at=datetime.fromtimestamp(report.timestamp, UTC),
        tenant_id=tenant_id,
        routing_key=report.biz_opaque_callback_data or "" if message_id else wamid_index,
        message_id=message_id,
        wamid_index=wamid_index,
        phone_number_id=owner.phone_number_id,
        status=REPORTED[report.status],
        pricing=report.pricing,
        error_code=error_code_of(report),
        details=_sealed_details(owner, identity, raw, people.contact_of(report.recipient_id, report.recipient_user_id)),
    )


def message_id_of(report: Report) -> UUID | None:
    """Our message id, if Meta echoed one; a value that a tenant chose elsewhere is not ours."""
    echoed = report.biz_opaque_callback_data or ""
    if len(echoed) != CANONICAL_UUID_LENGTH or echoed != echoed.lower():
        return None
    try:
        return msgspec.convert(echoed, UUID)
    except msgspec.ValidationError:
        return None


def error_code_of(report: Report) -> int | None:
    """Meta's code of the first error."""
    if report.errors is NO_ERRORS:
        return None
    codes = _error_codes.decode(report.errors)
    return codes[0].code if codes else None


def _sealed_details(owner: Owner, identity: UUID, raw: msgspec.Raw, known: Known) -> bytes:
    place = status_details(owner.tenant.tenant_id, text_of(identity))
    return crypto.seal(owner.data_key, place, fit(msgspec.json.encode({"status": raw, "contact": known.raw})))
