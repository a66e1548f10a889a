"""One message request as it stands in the file and in the answer of `GET /_sandbox/sends`."""

from typing import Literal

import msgspec

from services.sandbox.identity import digits

Outcome = Literal["accepted", "refused", "dropped"]


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What will be reported about a send; kept beside it so that a restarted sandbox can go on reporting.

    The fields are those of `Scenario`; `bsuid` and `phone` are set when the message went to a BSUID.
    """

    statuses: tuple[str, ...] = ("sent", "delivered", "read")
    fail_code: int | None = None
    status_delay_ms: int | None = None
    duplicate: int = 1
    reply_text: str | None = None
    compress: int = 1
    redeliver: tuple[float, ...] = ()
    forged: bool = False
    nameless: bool = False
    bsuid: str | None = None
    phone: str | None = None


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

    @property
    def phone(self) -> str:
        """The person, as digits."""
        return self.plan.phone or digits(self.to)
