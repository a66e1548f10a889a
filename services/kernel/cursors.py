"""Where a list that is ordered by UUIDv7 goes on: an opaque text with a version, bound to its question."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from services.kernel.crypto import b64url, unb64url
from services.kernel.errors import Unprocessable

CURSOR_CHARACTERS_MAX = 100  # of what is looked at; ours have 52
LOWEST_ID = UUID(int=0)
HIGHEST_ID = UUID(int=2**128 - 1)

VERSION = 1
FINGERPRINT_BYTES = 6
_LAYOUT = struct.Struct(f">B{FINGERPRINT_BYTES}s16s16s")


class BadCursor(Unprocessable):
    """The cursor is none of ours."""

    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__("cursor: this is not a cursor of ours; take that of the page before, or leave it out")


class OtherQuestion(Unprocessable):
    """A cursor goes on with one question: the filters belong to it."""

    def __init__(self) -> None:
        super().__init__("cursor: it belongs to other filters; repeat those of the first page, or leave the cursor out")


class Cursor(NamedTuple):
    """The next page holds ids below `before` and not below `low`, which stays that of the first page."""

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


def goes_on_below(found: Sequence[UUID], *, limit: int, scan: int, looked_at: int, bound: UUID | None) -> UUID | None:
    """Below which id the page after this one begins; None at the end of the range.

    `found` are the ids that matched, up to one more than the page's `limit`, among the `looked_at` rows (`scan` at
    most) of which `bound` was the last.
    """
    if len(found) > limit:
        return found[limit - 1]
    return bound if looked_at == scan else None


def _fingerprint(question: bytes) -> bytes:
    return blake2b(question, digest_size=FINGERPRINT_BYTES).digest()
