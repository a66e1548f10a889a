"""The secrets that sign an endpoint's callbacks: made here, stored sealed, shown once."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.gateway import places
from services.gateway.keys.service import Keyring
from services.kernel import crypto

PURPOSE = "callbacks"
SECRET_BYTES = 32
HINT_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class NewSecret:
    """`text` is "whsec_" and base64; `hint` is what is shown of it ever after."""

    text: str = field(repr=False)
    sealed: bytes
    hint: str


async def new_secret(keyring: Keyring, tenant_id: UUID, endpoint_id: UUID) -> NewSecret:
    text = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    place = places.signing_secret(tenant_id, str(endpoint_id))
    sealed = crypto.seal(await keyring.key(tenant_id, PURPOSE), place, text.encode())
    return NewSecret(text, sealed, "..." + text.rstrip("=")[-HINT_CHARACTERS:])


async def open_secrets(
    keyring: Keyring, tenant_id: UUID, endpoint_id: UUID, sealed: Sequence[bytes]
) -> tuple[str, ...]:
    """The secrets of an endpoint, in the given order; raises CannotOpen, NoSuchKey."""
    place = places.signing_secret(tenant_id, str(endpoint_id))
    opened = []
    for secret in sealed:
        key = await keyring.opening_key(tenant_id, PURPOSE, crypto.sealed_key_id(secret))
        opened.append(crypto.open_sealed(key, place, secret).decode())
    return tuple(opened)
