"""Sealing a tenant's data so that it opens only in its own place: tenant, table, column and row.

sealed = b"vs" | suite 1 (1 byte) | key id (16) | commitment (32) | nonce (24) | ciphertext and tag (n + 16).
Authenticated with it: everything before the ciphertext, and the place, each part behind its length. The key id stands
in the header so that a later key can be as small as a person or a day and be destroyed alone.
"""

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.kernel.crypto import aead
from services.kernel.crypto.encoding import LENGTH_BYTES, pack
from services.kernel.crypto.errors import CannotOpen

_MAGIC = b"vs\x01"
_UUID_LENGTH = (16).to_bytes(LENGTH_BYTES, "big")
_HEADER_BYTES = len(_MAGIC) + 16
_KEY_IDS_MAX = 16_384
_NAMES_MAX = 1_024  # columns of the whole house
OVERHEAD_BYTES = _HEADER_BYTES + aead.COMMITMENT_BYTES + aead.NONCE_BYTES + aead.TAG_BYTES


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a ciphertext lives; it does not open anywhere else."""

    tenant_id: UUID
    table: str
    column: str
    row: str


class Key(NamedTuple):
    """A sub-key for one purpose under the id of the tenant key (version) that it was derived from."""

    id: UUID
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id})"


def seal(key: Key, place: Place, plaintext: bytes) -> bytes:
    header = _MAGIC + key.id.bytes
    return header + aead.lock(key.secret, header + canonical(place), plaintext)


def sealed_key_id(sealed: bytes) -> UUID:
    """Which key opens it. Not yet authenticated: a hint for looking the key up."""
    if len(sealed) < OVERHEAD_BYTES or sealed[: len(_MAGIC)] != _MAGIC:
        raise CannotOpen("these are not sealed bytes of a suite that this version knows")
    return _key_id(bytes(sealed[len(_MAGIC) : _HEADER_BYTES]))


def open_sealed(key: Key, place: Place, sealed: bytes) -> bytes:
    """The plaintext; CannotOpen when the key, the place or a single bit is another."""
    header = bytes(sealed[:_HEADER_BYTES])
    if header != _MAGIC + key.id.bytes:
        sealed_key_id(sealed)  # may have a better reason
        raise CannotOpen("sealed under another key id: look the key up with sealed_key_id")
    return aead.unlock(key.secret, header + canonical(place), bytes(sealed[_HEADER_BYTES:]))


@lru_cache(maxsize=_KEY_IDS_MAX)
def _key_id(raw: bytes) -> UUID:
    """Making one costs as much as the decryption, and few keys open everything."""
    return UUID(bytes=raw)


def canonical(place: Place) -> bytes:
    """The place as bytes that no other place has: `pack` of its four parts."""
    row = place.row.encode()
    names = _packed_names(place.table, place.column)
    return _UUID_LENGTH + place.tenant_id.bytes + names + len(row).to_bytes(LENGTH_BYTES, "big") + row


@lru_cache(maxsize=_NAMES_MAX)
def _packed_names(table: str, column: str) -> bytes:
    return pack(table.encode(), column.encode())
