"""Where a list of messages goes on: an opaque text with a version, bound to its question."""

import base64
import binascii
import struct
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from services.gateway.history.errors import BadCursor, OtherQuestion

VERSION = 1
FINGERPRINT_BYTES = 6
_LAYOUT = struct.Struct(f">B{FINGERPRINT_BYTES}s16s16s")


class Cursor(NamedTuple):
    """The next page holds ids below `before` and not below `low`, which stays that of the first page."""

    before: UUID
    low: UUID


def encode(cursor: Cursor, question: bytes) -> str:
    """`question` is whatever the filters are, in one spelling."""
    packed = _LAYOUT.pack(VERSION, _fingerprint(question), cursor.before.bytes, cursor.low.bytes)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(text: str, question: bytes) -> Cursor:
    """Raises BadCursor, and OtherQuestion for the cursor of other filters."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, fingerprint, before, low = _LAYOUT.unpack(packed)
    except (binascii.Error, struct.error, ValueError):
        raise BadCursor from None
    if version != VERSION:
        raise BadCursor
    if fingerprint != _fingerprint(question):
        raise OtherQuestion
    return Cursor(UUID(bytes=before), UUID(bytes=low))


def _fingerprint(question: bytes) -> bytes:
    return blake2b(question, digest_size=FINGERPRINT_BYTES).digest()
