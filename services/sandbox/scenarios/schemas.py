"""The documented shape of a scenario."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["sent", "delivered", "read", "failed", "played"]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]
DAYS_7_MS = 7 * 24 * 3600 * 1000
LongMilliseconds = Annotated[int, Field(ge=0, le=DAYS_7_MS)]
Seconds = Annotated[float, Field(ge=0, le=DAYS_7_MS / 1000)]


class Scenario(BaseModel):
    """What happens to the sends to one person, or with `*` to everybody who has no scenario of their own.

    One of `refuse_code`, `drop` and `html_502` decides what the caller sees; if several are given they win in that
    order, and before the rules of the window, the pair and the throughput. The others may be combined.
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
    status_delay_ms: LongMilliseconds | None = Field(
        default=None, description="The time between two statuses, in place of the configured delays; no jitter."
    )
    status_order: Literal["as_given", "reversed", "shuffled"] = Field(
        default="as_given", description="Tell the statuses in another order; `shuffled` follows SEED and the send's n."
    )
    compress: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description="Wait only this part of the delays while the timestamps tell the whole: days within seconds.",
    )
    redeliver: Annotated[tuple[Seconds, ...], Field(max_length=5)] = Field(
        default=(), description="Repeat each POST that was taken, with the same bytes, so many seconds later."
    )
    forged: bool = Field(
        default=False, description="Post each POST with a wrong signature first; GET /_sandbox/webhooks counts them."
    )
    nameless: bool = Field(default=False, description="Leave biz_opaque_callback_data out of the statuses.")
    bsuid_only: bool = Field(
        default=False, description="The person has a username: what they write comes without `wa_id` and `from`."
    )
    message_status: Literal["accepted", "held_for_quality_assessment", "paused"] = Field(
        default="accepted", description="What the answer to a template says."
    )
    window: bool | None = Field(
        default=None, description="Whether free-form needs an open 24 h window (131047), in place of RULES__WINDOW."
    )
    pairs: bool | None = Field(
        default=None, description="Whether the pair limit holds (131056), in place of RULES__PAIRS."
    )
    throughput: bool | None = Field(
        default=None, description="Whether the number's messages_per_second hold (130429); RULES__THROUGHPUT else."
    )
    duplicate: int = Field(default=1, ge=1, le=20, description="Deliver each update so many times, in POSTs apart.")
    reply_text: str | None = Field(
        default=None, min_length=1, max_length=4096, description="The person answers so after the last status."
    )
