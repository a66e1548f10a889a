"""Shapes of `/v1/api-keys`."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from sqlalchemy import Row

from services.gateway.api_keys.service import Issued, Shown, State, Wanted, state_of
from services.gateway.tenants.service import SCOPES, Mode, Scope
from services.gateway.twins.service import Twin

NAME_CHARACTERS_MAX = 100
NETWORKS_MAX = 50
NETWORK_CHARACTERS_MAX = 64
OVERLAP_HOURS_MAX = 168
OVERLAP_HOURS = 24

_DATES = ["2027-01-01T00:00:00Z"]


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            "give an address or a network without host bits, like 203.0.113.0/24 or 2001:db8::/32"
        ) from None


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must hold printable characters only")
    return name


def _each_once(scopes: list[Scope]) -> list[Scope]:
    if len(set(scopes)) != len(scopes):
        raise ValueError("give each scope once")
    return scopes


NetworkText = Annotated[str, StringConstraints(max_length=NETWORK_CHARACTERS_MAX), AfterValidator(_network)]
Rate = Annotated[int, Field(ge=1, strict=True)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKeyIn(_Shape):
    """A key to make. It cannot grant a scope that the key making it lacks."""

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARACTERS_MAX),
        AfterValidator(_printable),
    ] = Field(description="What you recognise the key by.", examples=["Mailing service"])
    mode: Mode = Field(
        default="live",
        description="`test`: the key belongs to your test twin, which has a number, templates, consents and callbacks "
        "of its own; its messages go to the simulator and cost nothing. The first such key makes the twin.",
    )
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES)), AfterValidator(_each_once)] | None = (
        Field(
            default=None,
            description="What the key may do; left out: whatever the key making it may, except `keys`. A key of mode "
            "test cannot have `keys`.",
            examples=[["messages:send", "messages:read"]],
        )
    )
    networks: Annotated[list[NetworkText], Field(max_length=NETWORKS_MAX)] = Field(
        default=[],
        description="From where the key may be used (CIDR, IPv4 or IPv6); empty: from anywhere.",
        examples=[["203.0.113.0/24", "2001:db8::/32"]],
    )
    valid_from: AwareDatetime | None = Field(default=None, description="Not before; left out: now.", examples=_DATES)
    valid_until: AwareDatetime | None = Field(
        default=None, description="Not from this moment on; left out: for ever.", examples=_DATES
    )
    rate_per_second: Rate | None = Field(
        default=None,
        description="Requests a second with this key; left out: the installation's default. Each of our API processes "
        "counts by itself: of several, more may pass together, never fewer.",
        examples=[50],
    )

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValueError("valid_until must be after valid_from")
        return self

    def wanted(self) -> Wanted:
        return Wanted(
            name=self.name,
            mode=self.mode,
            scopes=None if self.scopes is None else frozenset(self.scopes),
            networks=tuple(ip_network(network) for network in self.networks),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            rate_per_second=self.rate_per_second,
        )


class RotationIn(_Shape):
    """How long both keys work."""

    overlap_hours: Annotated[float, Field(ge=0, le=OVERLAP_HOURS_MAX)] = Field(
        default=OVERLAP_HOURS,
        description="How long the old key stays valid beside the new one; 0 revokes it now.",
        examples=[24],
    )


class TestNumber(BaseModel):
    """The number of your test twin: send from it with any of your keys of mode test."""

    __test__ = False  # the name is the business's, not pytest's

    phone_number_id: str = Field(examples=["9990123456789012"])
    waba_id: str = Field(examples=["9991123456789012"])


class ApiKey(BaseModel):
    """A key as it may be shown: never the key itself."""

    id: UUID
    name: str = Field(examples=["Mailing service"])
    prefix: str = Field(description="How the key begins.", examples=["vk_live_4fGz"])
    mode: Mode = Field(description="`test`: it belongs to your test twin.", examples=["live"])
    state: State
    scopes: list[Scope] = Field(description="What it may do.", examples=[["messages:send", "messages:read"]])
    networks: list[str] = Field(description="From where; empty: from anywhere.", examples=[["203.0.113.0/24"]])
    valid_from: datetime | None = Field(description="Not before; null: from the beginning.")
    valid_until: datetime | None = Field(description="Not from this moment on; null: for ever.")
    rate_per_second: int | None = Field(description="Null: the installation's default.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute; null while it was never used.")
    revoked_at: datetime | None = Field(description="Null while it is not revoked.")
    replaced_by: UUID | None = Field(description="The key that a rotation made of this one.")
    test_number: TestNumber | None = Field(description="Of keys of mode test.")


class NewApiKey(ApiKey):
    """A new key, with the key itself."""

    key: str = Field(
        description="The key. It is shown this once; we store only a keyed hash of it.",
        examples=["vk_live_4fGzQ0mUe6y8RbT2nJcX1aLpWkDsHv5i_0Zk3Qa"],
    )
    callback_secret: str | None = Field(
        default=None,
        description="With the first key of mode test: the secret that signs your test twin's callbacks, shown once.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class ApiKeyList(BaseModel):
    """Keys of both modes."""

    data: list[ApiKey] = Field(description="Your keys, oldest first; revoked ones for 90 days.")


def listed(shown: Shown) -> ApiKeyList:
    return ApiKeyList(data=[ApiKey(**_fields(row, shown.twin)) for row in shown.rows])


def single(shown: Shown) -> ApiKey:
    return ApiKey(**_fields(shown.rows[0], shown.twin))


def issued(new: Issued) -> NewApiKey:
    secret = new.twin.callback_secret if new.twin else None
    return NewApiKey(**_fields(new.row, new.twin), key=new.api_key, callback_secret=secret)


def _fields(row: Row[Any], twin: Twin | None) -> dict[str, Any]:
    values = dict(row._mapping)
    del values["tenant_id"]
    number = TestNumber(phone_number_id=twin.phone_number_id, waba_id=twin.waba_id) if twin else None
    return values | {
        "state": state_of(row),
        "networks": [str(network) for network in row.networks],
        "test_number": number if row.mode == "test" else None,
    }
