"""What belongs to a file and must not stand in clear: Meta's id of it, its digest and its name."""

from uuid import UUID

import msgspec

from services.gateway.keys.service import Keyring
from services.gateway.media import metrics
from services.gateway.places import media_details
from services.kernel import crypto

PURPOSE = "media"


class Details(msgspec.Struct, frozen=True):
    """`sha256` in hexadecimal digits; `filename` as the tenant or the person gave it."""

    meta_id: str = msgspec.field(default="")
    sha256: str = ""
    filename: str | None = None

    def __repr__(self) -> str:
        return "Details()"


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Details)


async def seal(keyring: Keyring, tenant_id: UUID, media_id: UUID, details: Details) -> bytes:
    place = media_details(tenant_id, str(media_id))
    return crypto.seal(await keyring.key(tenant_id, PURPOSE), place, _encode(details))


async def unseal(keyring: Keyring, tenant_id: UUID, media_id: UUID, sealed: bytes) -> Details:
    """Raises CannotOpen, NoSuchKey, Unavailable."""
    key = await keyring.opening_key(tenant_id, PURPOSE, crypto.sealed_key_id(sealed))
    details = _decoder.decode(crypto.open_sealed(key, media_details(tenant_id, str(media_id)), sealed))
    metrics.OPENINGS.labels("details", "opened").inc()
    return details
