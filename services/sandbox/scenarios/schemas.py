"""The documented shape of a scenario."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["sent", "delivered", "read", "failed"]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]


class Scenario(BaseModel):
    """What happens to the sends to one person, or with `*` to everybody who has no scenario of their own.

    One of `refuse_code`, `drop` and `html_502` decides what the caller sees; if several are given they win in that
    order. The others may be combined with them and with each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int | None = Field(default=None, ge=1, description="Apply to the next n sends only, then be forgotten.")
    refuse_code: int | None = Field(default=None, ge=0, description="Answer Meta's error envelope with this code.")
    drop: Literal["before", "after"] | None = Field(
        default=None,
        description="Reset the connection without a byte: before the acceptance (nothing is sent; logged as refused) "
        "or after it (the message goes out; logged as dropped).",
    )
    html_502: bool = Field(default=False, description="Answer 502 with an HTML page, as Meta's edge does.")
    html_502_accepted: bool = Field(default=False, description="With html_502: the message went out all the same.")
    latency_ms: Milliseconds | None = Field(
        default=None, description="Time until the answer, in place of LATENCY_MS; statuses count from its end."
    )
    hang_ms: Milliseconds = Field(
        default=0, description="After the acceptance, hold the answer back so long; statuses do not wait for it."
    )
    fail_code: int | None = Field(
        default=None, ge=0, description="Accept, then report `failed` with this code (appended to `statuses` if given)."
    )
    statuses: Annotated[list[Status], Field(max_length=20)] | None = Field(
        default=None, description="The statuses to report, in this order; [] for none. Default: sent, delivered, read."
    )
    status_delay_ms: Milliseconds | None = Field(
        default=None, description="The time between two statuses, in place of the configured delays; no jitter."
    )
    duplicate: int = Field(default=1, ge=1, le=20, description="Deliver each update so many times, in POSTs apart.")
    reply_text: str | None = Field(
        default=None, min_length=1, max_length=4096, description="The person answers so after the last status."
    )
