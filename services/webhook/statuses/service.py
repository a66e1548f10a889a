"""Turns one of Meta's status objects into the fact that Meta reported it (hot path)."""

import re
from datetime import UTC, datetime
from typing import Annotated, get_args
from uuid import UUID

import msgspec

from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.statuses import Pricing, ReportedStatus, StatusReported
from services.webhook.routing.service import Owner, fit

REPORTED: frozenset[str] = frozenset(get_args(ReportedStatus))
CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
YEAR_2100 = 4_102_444_800
NO_ERRORS = msgspec.Raw(b"null")

UnixSeconds = Annotated[int, msgspec.Meta(ge=0, le=YEAR_2100)]


class ErrorCode(msgspec.Struct, frozen=True):
    code: int | None = None


class Report(msgspec.Struct, frozen=True):
    """The fields of `statuses[]` that we use (whatsapp-cloud-api 3.5); time stamps come as text or as numbers."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    status: str
    timestamp: UnixSeconds
    biz_opaque_callback_data: str | None = None
    pricing: Pricing | None = None
    errors: msgspec.Raw = NO_ERRORS  # msgspec knows no optional Raw


_reports = msgspec.json.Decoder(Report, strict=False)
_error_codes = msgspec.json.Decoder(tuple[ErrorCode, ...] | None, strict=False)


def read(raw: msgspec.Raw) -> Report:
    """Raises msgspec.ValidationError for an object that is no status."""
    return _reports.decode(raw)


def reported(owner: Owner, report: Report) -> StatusReported:
    """The fact of a report whose status is one of REPORTED.

    The same status of the same message has the same id however often Meta says it; what Meta says of errors may name
    people and is sealed.
    """
    tenant_id = owner.tenant.tenant_id
    wamid_index = crypto.blind_index(owner.index_key, "wamid", report.id)
    identity = event_id(tenant_id, f"status:{wamid_index}:{report.status}")
    message_id = message_id_of(report)
    return StatusReported(
        id=identity,
        occurred_at=datetime.fromtimestamp(report.timestamp, UTC),
        tenant_id=tenant_id,
        routing_key=str(message_id) if message_id else wamid_index,
        message_id=message_id,
        wamid_index=wamid_index,
        phone_number_id=owner.phone_number_id,
        status=msgspec.convert(report.status, ReportedStatus),
        pricing=report.pricing,
        error_code=error_code_of(report),
        errors=_sealed_errors(owner, identity, report),
    )


def message_id_of(report: Report) -> UUID | None:
    """Our message id, if Meta echoed one; a value that a tenant chose elsewhere is not ours."""
    echoed = report.biz_opaque_callback_data or ""
    return UUID(echoed) if CANONICAL_UUID.fullmatch(echoed) else None


def error_code_of(report: Report) -> int | None:
    """Meta's code of the first error."""
    codes = _error_codes.decode(report.errors)
    return codes[0].code if codes else None


def _sealed_errors(owner: Owner, identity: UUID, report: Report) -> bytes | None:
    errors = bytes(report.errors)
    if errors == bytes(NO_ERRORS):
        return None
    place = crypto.Place(owner.tenant.tenant_id, "statuses", "errors", str(identity))
    return crypto.seal(owner.data_key, place, fit(errors))
