"""The shapes of `/v1/callback` and `/v1/callbacks`."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.gateway.callbacks.management import UPDATES_MAX
from services.kernel.cursors import CURSOR_CHARACTERS_MAX

OVERLAP_HOURS = 24
OVERLAP_HOURS_MAX = 168
EVENTS_MAX = 50
DESCRIPTION_CHARACTERS_MAX = 200
ATTEMPTS_PAGE = 25
ATTEMPTS_PAGE_MAX = 100

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=10_000,
        description="https, port 443 or 8443, a public address, at most 2,000 characters.",
        examples=["https://hooks.example.com/whatsapp"],
    ),
]
Events = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]] | None,
    Field(
        min_length=1,
        max_length=EVENTS_MAX,
        description=(
            "Which facts this endpoint hears of: topics, each with all that follow it after a dot (`statuses` takes"
            " `statuses.failed`). null: all. An unknown topic is refused with the list of those that exist."
        ),
        examples=[["messages", "statuses.failed"]],
    ),
]
# NUL has no place in PostgreSQL's text.
Description = Annotated[
    Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f]*$")] | None,
    Field(description="For your own memory.", examples=["CRM"]),
]
MaxUpdates = Annotated[
    int,
    Field(
        ge=1,
        le=UPDATES_MAX,
        strict=True,
        description=(
            "How many updates one POST may hold. With little traffic it holds one, under load up to this many. Set it"
            " to 1 for clients that read only the first update of a POST (pywa is one); such an endpoint is told more"
            " slowly under load, since four POSTs are under way to it at most."
        ),
        examples=[1],
    ),
]
LEFT_OUT = 0  # of a `max_updates` that stays as it is; nobody may send it


class CallbackIn(BaseModel):
    """Where to call the tenant."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    max_updates: MaxUpdates = LEFT_OUT


class CallbackOut(BaseModel):
    """Where the tenant is called. `disabled`: `GET /v1/callbacks` says why; giving a URL again enables it."""

    url: str | None
    state: Literal["unset", "active", "disabled"]
    max_updates: int = Field(description="How many updates one POST may hold.", examples=[250])
    secret_hint: str = Field(description="The end of the secret that signs.", examples=["...Zk0A"])


class EndpointIn(BaseModel):
    """A further place to be called at."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    events: Events = None
    description: Description = None
    max_updates: MaxUpdates = UPDATES_MAX


class EndpointChanges(BaseModel):
    """What is to be another; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    url: Url = ""
    events: Events = None
    description: Description = None
    max_updates: MaxUpdates = LEFT_OUT

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of url, events, description, max_updates")
        return self


class Disabled(BaseModel):
    """Why and since when an endpoint is not called."""

    reason: Literal["gone", "failing", "by_tenant"] = Field(
        description="gone: it answered 410. failing: five days of nothing but failures. by_tenant: you did it."
    )
    at: datetime


class EndpointOut(BaseModel):
    """A place where you are called."""

    id: UUID = Field(examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"])
    url: str | None = Field(examples=["https://hooks.example.com/whatsapp"])
    events: list[str] | None = Field(description="null: all facts.", examples=[["messages", "statuses.failed"]])
    description: str | None = Field(description="As you gave it.", examples=["CRM"])
    max_updates: int = Field(description="How many updates one POST may hold.", examples=[250])
    is_first: bool = Field(description="Whether this is the endpoint of `/v1/callback`.")
    state: Literal["unset", "active", "disabled"] = Field(description="unset: it has no URL yet.")
    disabled: Disabled | None = Field(description="Why it is not called; null while it is.")
    failing_since: datetime | None = Field(description="The first failure since the last success; null: none.")
    secret_hint: str = Field(description="The end of the secret that signs.", examples=["...Zk0A"])
    old_secret_until: datetime | None = Field(description="Until when the secret before the present one signs too.")
    created_at: datetime


class EndpointList(BaseModel):
    """All your endpoints; that of `/v1/callback` first."""

    data: list[EndpointOut]


class NewEndpointOut(EndpointOut):
    """An endpoint with its new secret, which is shown this once."""

    secret: str = Field(description="`whsec_` and base64.", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class RotationIn(BaseModel):
    """How long the old secret signs beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(
        default=OVERLAP_HOURS,
        ge=0,
        le=OVERLAP_HOURS_MAX,
        strict=True,
        description="0: not at all, for a secret that others may know.",
    )


class ReplayIn(BaseModel):
    """What to tell again: one message's facts, or those first told in a range of time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"message_id": "019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"},
                {"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T11:00:00Z"},
            ]
        },
    )

    message_id: UUID | None = Field(default=None, description="Of a message that you sent or received.")
    since: AwareDatetime | None = Field(default=None, alias="from", description="Told at or after this time.")
    to: AwareDatetime | None = Field(default=None, description="Told before this time; now, if it is left out.")

    @model_validator(mode="before")
    @classmethod
    def _no_numbers(cls, given: Any) -> Any:
        """Pydantic would read a number as a time since 1970."""
        if isinstance(given, dict) and any(isinstance(given.get(name), int | float) for name in ("from", "to")):
            raise ValueError("write from and to as RFC 3339 times, such as 2026-11-22T10:00:00Z")
        return given

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.message_id is None) == (self.since is None):
            raise ValueError("give either message_id, or from and to")
        if self.message_id is not None and self.to is not None:
            raise ValueError("give to together with from only")
        if self.since is not None and self.to is not None and self.to <= self.since:
            raise ValueError("from must be before to")
        return self


class ReplayOut(BaseModel):
    """How much was queued again; each fact keeps its `event_id`, in deliveries with ids of their own."""

    queued: int = Field(description="Facts that wait now because of this request.", examples=[128])
    already_waiting: int = Field(description="Facts that waited already; they are told once.", examples=[0])
    resume_from: datetime | None = Field(
        description="A range that holds more than one request may queue: give this as `from` of the next. null: done."
    )


class TestOut(BaseModel):
    """The test is queued; its attempt appears in the list of attempts."""

    event_id: UUID = Field(description="`event_id` of the value that will come.")


class AttemptPage(BaseModel):
    """Which attempts. A parameter that does not exist is refused."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(
        default=None, max_length=CURSOR_CHARACTERS_MAX, description="`next_cursor` of the page before."
    )
    limit: int = Field(default=ATTEMPTS_PAGE, ge=1, le=ATTEMPTS_PAGE_MAX)


class AttemptOut(BaseModel):
    """One request to your endpoint and what came of it."""

    delivery_id: UUID = Field(description="`webhook-id` of the request.")
    attempt: int = Field(description="From 1.", examples=[1])
    at: datetime
    milliseconds: int = Field(description="How long it took.", examples=[84])
    facts: int = Field(description="How many facts the body told.", examples=[3])
    outcome: Literal["delivered", "failed"] = Field(description="delivered: the answer was a 2xx.")
    status: int | None = Field(description="The HTTP status; null: there was none.", examples=[200])
    error: str | None = Field(description="Why there was no status.", examples=["timeout"])
    address: str | None = Field(description="The IP address that was called.", examples=["198.51.100.7"])
    request_head: str | None = Field(description="The first kilobyte of the request's line and headers.")
    response_head: str | None = Field(description="The first kilobyte of the answer's status line and headers.")
    response_body: str | None = Field(description="The first kilobyte of the answer's body, as far as it was read.")


class AttemptList(BaseModel):
    """Attempts, newest first; kept for seven days."""

    data: list[AttemptOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page after this; null: the last page.")
