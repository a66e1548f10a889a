"""One message request as it stands in the file and in the answer of `GET /_sandbox/sends`."""

from typing import Literal

import msgspec

Outcome = Literal["accepted", "refused", "dropped"]


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What will be reported about a send; kept beside it so that a restarted sandbox can go on reporting."""

    statuses: tuple[str, ...] = ("sent", "delivered", "read")
    fail_code: int | None = None
    status_delay_ms: int | None = None
    duplicate: int = 1
    reply_text: str | None = None


ORDINARY = Plan()


class Send(msgspec.Struct, frozen=True):
    """The fields up to `at` are the contract of `interfaces.md`; the rest is what reporting needs."""

    n: int
    to: str
    biz_opaque_callback_data: str | None
    wamid: str | None
    outcome: Outcome
    code: int | None
    at: str
    phone_number_id: str
    type: str
    category: str | None = None
    plan: Plan = ORDINARY
