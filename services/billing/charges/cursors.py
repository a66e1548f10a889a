"""Where a list of charges goes on: an opaque text with a version, bound to its question."""

import struct
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from services.billing.charges.errors import BadCursor, OtherQuestion
from services.kernel.crypto import b64url, unb64url

VERSION = 1
FINGERPRINT_BYTES = 6
_LAYOUT = struct.Struct(f">B{FINGERPRINT_BYTES}s16s16s")


class Cursor(NamedTuple):
    """The next page holds messages below `before` and not below `low`, which stays that of the first page."""

    before: UUID
    low: UUID


def encode(cursor: Cursor, question: bytes) -> str:
    """`question` is whatever the filters are, in one spelling."""
    return b64url(_LAYOUT.pack(VERSION, _fingerprint(question), cursor.before.bytes, cursor.low.bytes))


def decode(text: str, question: bytes) -> Cursor:
    """Raises BadCursor, and OtherQuestion for the cursor of other filters."""
    try:
        version, fingerprint, before, low = _LAYOUT.unpack(unb64url(text))
    except (ValueError, struct.error):
        raise BadCursor from None
    if version != VERSION:
        raise BadCursor
    if fingerprint != _fingerprint(question):
        raise OtherQuestion
    return Cursor(UUID(bytes=before), UUID(bytes=low))


def _fingerprint(question: bytes) -> bytes:
    return blake2b(question, digest_size=FINGERPRINT_BYTES).digest()
