"""Reads one message that nobody sends, exactly as the send door would."""

from typing import NamedTuple

import msgspec

from services.gateway.graph.decoding import decode, too_large
from services.gateway.graph.limits import BODY_BYTES_MAX
from services.gateway.graph.schemas import read_send
from services.gateway.graph.sends import Send
from services.gateway.graph.service import Door, Examined
from services.gateway.tenants.service import ApiPrincipal


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """The request: as an item of a batch, without what only a sending has."""

    phone_number_id: str
    message: msgspec.Raw


class Sound(NamedTuple):
    """A message that the door would take in."""

    send: Send
    examined: Examined


_item = msgspec.json.Decoder(Item)


def read_item(raw: bytes) -> Item:
    """Raises GraphError for what is no such request; the message itself is not looked at yet."""
    return decode(_item, raw)


async def examine(door: Door, principal: ApiPrincipal, item: Item) -> Sound:
    """Raises GraphError for a message that the door would refuse."""
    message = bytes(item.message)
    if len(message) > BODY_BYTES_MAX:
        raise too_large()
    send = read_send(message)
    return Sound(send, await door.examine(principal, item.phone_number_id, send))
