"""Meta's webhook envelope for statuses and inbound texts (`whatsapp-cloud-api.md`, 3.3-3.5)."""

import msgspec


class Inbound(msgspec.Struct, frozen=True):
    """What a person wrote; kept in the file until the webhook has taken it."""

    wamid: str
    phone: str
    phone_number_id: str
    text: str
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
    recipient_id: str
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    pricing: Pricing | None = None
    errors: tuple[Error, ...] = ()


class Text(msgspec.Struct, frozen=True):
    body: str


class Message(msgspec.Struct, frozen=True):
    from_: str = msgspec.field(name="from")
    from_user_id: str
    id: str
    timestamp: str
    type: str
    text: Text


class Profile(msgspec.Struct, frozen=True):
    name: str


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    wa_id: str
    user_id: str
    profile: Profile | None = None


class Metadata(msgspec.Struct, frozen=True):
    display_phone_number: str
    phone_number_id: str


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    messaging_product: str = msgspec.field(default_factory=lambda: "whatsapp")
    metadata: Metadata | None = None
    contacts: tuple[Contact, ...] = ()
    messages: tuple[Message, ...] = ()
    statuses: tuple[Status, ...] = ()


class Change(msgspec.Struct, frozen=True):
    value: Value
    field: str


class Entry(msgspec.Struct, frozen=True):
    id: str
    changes: list[Change]


class Envelope(msgspec.Struct, frozen=True):
    object: str
    entry: list[Entry]


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the events file: an inbound to tell, or what the webhook has taken since the last line.

    `below` and `open` stand in the first line after a restart: of the sends up to `below` only `open` are not settled.
    """

    inbound: Inbound | None = None
    done: list[int] = []
    told: list[str] = []
    below: int = 0
    open: list[int] = []
