"""Shapes of the staff API that brings tenants in."""

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.gateway.tenants.service import TEST_CLASS, Mode
from services.kernel.phones import normalise_phone

COMPONENTS_MAX = 10  # Meta allows a header, a body, a footer, buttons and few more
MESSAGES_PER_SECOND_MAX = 1_000  # Meta's highest throughput of a number


def _check_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError("give a time zone of the IANA database, like Europe/Moscow")
    return zone


def _check_text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _check_components(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        stored = msgspec.json.encode(components)
    except (UnicodeEncodeError, RecursionError):
        raise ValueError("must be JSON that can be stored: no half surrogate pairs, not nested deeply") from None
    if b"\\u0000" in stored:
        raise ValueError("must not hold a NUL character")
    return components


def _check_class(tenant_class: str) -> str:
    if tenant_class == TEST_CLASS:
        raise ValueError("test is the class of test twins, which a tenant's first key of mode test makes")
    return tenant_class


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


MetaId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
TemplateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantIn(_Shape):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_check_text)]
    zone: Annotated[str, AfterValidator(_check_zone)] = "Europe/Moscow"
    tenant_class: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$"), AfterValidator(_check_class)] = (
        "standard"
    )


class TenantOut(BaseModel):
    """`api_key` and `callback_secret` are shown this once."""

    id: UUID
    api_key: str
    callback_secret: str


class NumberIn(_Shape):
    phone_number_id: MetaId
    waba_id: MetaId
    display_phone_number: Annotated[str, AfterValidator(normalise_phone)]
    access_token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,1024}$")] = Field(repr=False)
    mode: Mode = "live"
    messages_per_second: Annotated[int, Field(ge=1, le=MESSAGES_PER_SECOND_MAX)] = 80


class NumberOut(BaseModel):
    """`mode` is the tenant's: `test` for a test twin, whose numbers are at the sandbox."""

    phone_number_id: str
    mode: Mode


class KeyIn(_Shape):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_text)] = "From staff"


class KeyOut(BaseModel):
    """`key` is shown this once."""

    id: UUID
    key: str


class TemplateIn(_Shape):
    """`components` as Meta stores them; without them `body_parameters` says how many the body takes."""

    waba_id: MetaId
    name: TemplateName
    language: Language
    category: Annotated[Literal["utility", "authentication", "marketing"], BeforeValidator(_lower)]
    components: Annotated[
        list[dict[str, Any]], Field(max_length=COMPONENTS_MAX), AfterValidator(_check_components)
    ] = []
    body_parameters: Annotated[int, Field(ge=0, le=100)] | None = None


class TemplateOut(BaseModel):
    id: UUID
