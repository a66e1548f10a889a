"""Meta's webhook envelope, and what stands in the file of updates under way (`whatsapp-cloud-api.md`, 3.3-3.7)."""

from typing import Any

import msgspec

from services.sandbox.sends.service import ORDINARY, Plan


class Inbound(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person wrote; kept in the file until the webhook has taken it.

    `text` is what is shown of it; `content` holds the message's own objects (`image`, `context` and so on), and for
    the type text only what stands beside the text.
    """

    wamid: str
    phone: str
    phone_number_id: str
    text: str
    at: int  # Unix seconds
    type: str = "text"
    content: dict[str, Any] = {}
    bsuid_only: bool = False
    plan: Plan = ORDINARY


class Announcement(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact about an account, a number, a template or a person's preference; kept like an inbound."""

    id: str
    waba_id: str
    field: str
    value: dict[str, Any]
    at: int  # Unix seconds


class Pricing(msgspec.Struct, frozen=True):
    billable: bool
    pricing_model: str
    type: str
    category: str


class ErrorData(msgspec.Struct, frozen=True):
    details: str


class Error(msgspec.Struct, frozen=True):
    code: int
    title: str
    message: str
    error_data: ErrorData
    href: str


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    status: str
    timestamp: str
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    pricing: Pricing | None = None
    errors: tuple[Error, ...] = ()


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    username: str | None = None


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    wa_id: str | None = None
    user_id: str | None = None
    profile: Profile | None = None


class Metadata(msgspec.Struct, frozen=True):
    display_phone_number: str
    phone_number_id: str


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    messaging_product: str = msgspec.field(default_factory=lambda: "whatsapp")
    metadata: Metadata | None = None
    contacts: tuple[Contact, ...] = ()
    messages: tuple[dict[str, Any], ...] = ()
    statuses: tuple[Status, ...] = ()


class Change(msgspec.Struct, frozen=True):
    value: Value | dict[str, Any]
    field: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    changes: list[Change]
    time: int | None = None


class Envelope(msgspec.Struct, frozen=True):
    object: str
    entry: list[Entry]


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the events file: something to tell, or what the webhook has taken since the last line.

    `below` and `open` stand in the first line after a restart: of the sends up to `below` only `open` are not settled.
    """

    inbound: Inbound | None = None
    announcement: Announcement | None = None
    done: list[int] = []
    told: list[str] = []
    below: int = 0
    open: list[int] = []
