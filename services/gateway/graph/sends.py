"""What the door takes in after a request was read: a message to send, or a read mark."""

from typing import NamedTuple, Protocol

import msgspec

from services.gateway.graph.medias import MediaUse
from services.gateway.templates.uses import TemplateUse
from services.gateway.tenants.service import Number
from services.kernel.contracts.messages import Kind


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A checked request: `body` is its canonical JSON with our own ids in it, `to` is what the tenant wrote.

    `phone` is E.164 with '+'; a person who is known by a business-scoped user id has `bsuid` instead.
    """

    to: str
    phone: str | None
    bsuid: str | None
    country: str
    kind: Kind
    body: bytes
    template: TemplateUse | None = None
    media: tuple[MediaUse, ...] = ()
    quoted: str | None = None
    reacted_to: str | None = None
    max_price_micros: int | None = None

    def __repr__(self) -> str:
        return f"Send(kind={self.kind!r}, country={self.country!r})"

    @property
    def has_references(self) -> bool:
        """Whether ids of ours must become Meta's before the body can go out."""
        return bool(self.media) or self.quoted is not None or self.reacted_to is not None


class Posting(NamedTuple):
    """A message with what was said beside it; without `expires_in_seconds` it lives for a day."""

    phone_number_id: str
    send: Send
    idempotency_key: str | None = None
    expires_in_seconds: int | None = None


class ReadMark(msgspec.Struct, frozen=True):
    """A person's message was read; `is_typing` also shows that an answer is being written."""

    message_id: str
    is_typing: bool


class Marks(Protocol):
    """Read marks on their way to Meta; raises GraphError."""

    async def mark(self, number: Number, mark: ReadMark) -> None: ...
