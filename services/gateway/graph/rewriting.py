"""The exact request for Meta: our ids of quoted messages, of messages reacted to and of uploads become Meta's."""

from collections.abc import Collection
from typing import Any, Protocol
from uuid import UUID

import msgspec

from services.gateway.graph.errors import InvalidValue
from services.gateway.graph.sends import Send
from services.gateway.references.service import References
from services.gateway.tenants.service import Number
from services.kernel import crypto

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Library(Protocol):
    """Uploads: our ids to Meta's, for one tenant and number; what may not be used is missing in the answer."""

    async def meta_ids(self, tenant_id: UUID, phone_number_id: str, media_ids: Collection[str]) -> dict[str, str]: ...


class Rewriter:
    """Writes bodies anew where ids of ours stand in them."""

    def __init__(self, references: References, library: Library) -> None:
        self._references = references
        self._library = library

    async def meta_body(self, number: Number, send: Send) -> bytes:
        """The body that is sealed; raises InvalidValue for ids that are not ours to use, and outages as they come."""
        body = _decode(send.body)
        if send.quoted is not None:
            body["context"]["message_id"] = await wamid(self._references, number, send.quoted, "context.message_id")
        if send.reacted_to is not None:
            place = "reaction.message_id"
            body["reaction"]["message_id"] = await wamid(self._references, number, send.reacted_to, place)
        if send.media:
            await self._replace_media(number, send, body)
        return _encode(body)

    async def _replace_media(self, number: Number, send: Send, body: dict[str, Any]) -> None:
        wanted = {use.id for use in send.media}
        known = await self._library.meta_ids(number.tenant_id, number.phone_number_id, wanted)
        for use in send.media:
            if use.id not in known:
                raise InvalidValue(
                    f"{use.path}: there is no such upload for this number, or it has expired: upload the file to "
                    "/{phone_number_id}/media of the sending number and give the id of the answer."
                )
            use.replace(body, known[use.id])


async def wamid(
    references: References, number: Number, our_id: str, field: str, *, must_be_inbound: bool = False
) -> str:
    """Meta's id of one of our messages at this number; raises InvalidValue, and outages as they come."""
    try:
        found = await references.find(number, our_id)
    except crypto.CannotOpen:
        found = None
    if found is None or (must_be_inbound and not found.is_inbound):
        source = "" if must_be_inbound else "messages[0].id of a send answer, or "
        raise InvalidValue(
            f"{field}: there is no such message at this number: give {source}the id of a message from a callback."
        )
    if found.wamid is None:
        raise InvalidValue(f"{field}: this message was not sent to Meta yet: wait for its status sent.")
    return found.wamid
