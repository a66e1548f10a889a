"""Writes to a person once what its STOP or START did; consent says when, and lets nothing else pass after a STOP."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.confirmations.texts import shipped
from services.gateway.contents.service import open_inbound
from services.gateway.keys.errors import NoSuchKey
from services.gateway.keys.service import Keyring
from services.gateway.keywords import service as keywords
from services.gateway.keywords.service import Words
from services.gateway.places import message_body
from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import Confirmation
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.kafka import outbox
from services.kernel.logging import get_logger
from services.kernel.phones import country_of

# Later than this the answer would puzzle more than it explains.
TIME_TO_LIVE = timedelta(hours=1)
UNKNOWN_COUNTRY = "ZZ"
_RANDOM_BITS = 62

_log = get_logger()


class Wanted(NamedTuple):
    """A person's STOP or START, whole, and what the person is to be told; `content` is sealed to the tenant."""

    tenant_id: UUID
    inbound_id: UUID
    phone_number_id: str
    person: str
    occurred_at: datetime
    what: Confirmation
    content: bytes


class _Text(msgspec.Struct, frozen=True):
    body: str = ""


class _Button(msgspec.Struct, frozen=True):
    text: str = ""


class _Reply(msgspec.Struct, frozen=True):
    title: str = ""


class _Interactive(msgspec.Struct, frozen=True):
    button_reply: _Reply = _Reply()
    list_reply: _Reply = _Reply()


class _Message(msgspec.Struct):
    sender: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    text: _Text = _Text()
    button: _Button = _Button()
    interactive: _Interactive = _Interactive()

    def __repr__(self) -> str:
        return "_Message()"

    @property
    def said(self) -> str:
        """The word that was typed, or that stood on what was tapped."""
        reply = self.interactive.button_reply.title or self.interactive.list_reply.title
        return self.text.body or self.button.text or reply


class _Inbound(msgspec.Struct):
    message: _Message


_read = msgspec.json.Decoder(_Inbound).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class Confirmations:
    """Turns each wanted confirmation into an accepted message, in the transaction of the fact that asked for it."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def write(self, connection: AsyncConnection, wanted: Sequence[Wanted]) -> None:
        """What cannot be opened is left out; outages are raised."""
        for one in wanted:
            message = await self._opened(one)
            if message is not None and (message.sender or message.from_user_id):
                words = await keywords.read(connection, one.tenant_id)
                await outbox.add(connection, [await self._accepted(one, message, words)])

    async def _opened(self, one: Wanted) -> _Message | None:
        try:
            return _read(await open_inbound(self._keyring, one.tenant_id, str(one.inbound_id), one.content)).message
        except (NoSuchKey, crypto.CannotOpen, msgspec.MsgspecError) as error:
            _log.error("confirmation has no recipient", tenant_id=str(one.tenant_id), error_class=type(error).__name__)
            return None

    async def _accepted(self, one: Wanted, message: _Message, words: Words) -> MessageAccepted:
        message_id = _id_of(one)
        key = await self._keyring.key(one.tenant_id, "messages")
        place = message_body(one.tenant_id, str(message_id))
        phone = f"+{message.sender}" if message.sender else None
        return MessageAccepted(
            id=event_id(message_id, "accepted"),
            occurred_at=one.occurred_at,
            tenant_id=one.tenant_id,
            message_id=message_id,
            phone_number_id=one.phone_number_id,
            person=one.person,
            kind="text",
            category="service",
            country=_country(phone, message.from_user_id),
            lane="express",
            expires_at=one.occurred_at + TIME_TO_LIVE,
            body=crypto.seal(key, place, _body(message, phone, _text(one.what, message, words))),
            origin="confirmation" if one.what == "stopped" else "tenant",
        )


def _text(what: Confirmation, message: _Message, words: Words) -> str:
    own = words.stop_confirmation if what == "stopped" else words.start_confirmation
    return own or shipped(what, message.said)


def _country(phone: str | None, user_id: str | None) -> str:
    if phone is None:
        return (user_id or UNKNOWN_COUNTRY)[:2]
    try:
        return country_of(phone)
    except ValueError:  # what Meta calls a number is not always one; the word itself must be told all the same
        return UNKNOWN_COUNTRY


def _body(message: _Message, phone: str | None, text: str) -> bytes:
    address = {"to": phone} if phone else {"recipient": message.from_user_id}
    common = {"messaging_product": "whatsapp", "recipient_type": "individual", "type": "text"}
    return _encode({**common, **address, "text": {"body": text}})


def _id_of(one: Wanted) -> UUID:
    """A UUIDv7 of the STOP's own time and id: the same one whenever it is asked for."""
    milliseconds, bits = int(one.occurred_at.timestamp() * 1_000), one.inbound_id.int
    high = milliseconds << 80 | 0x7 << 76 | (bits >> 66 & 0xFFF) << 64
    return UUID(int=high | 0b10 << _RANDOM_BITS | bits & (1 << _RANDOM_BITS) - 1)
