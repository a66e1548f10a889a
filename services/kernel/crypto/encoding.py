"""Bytes as text (base64url without padding), and many byte strings as one without ambiguity."""

import base64
import binascii

LENGTH_BYTES = 4


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of unpadded (or padded) base64url; ValueError for anything else, also for the standard alphabet."""
    if "+" in text or "/" in text:  # the decoder would take both alphabets
        raise ValueError("not base64url: this is the standard alphabet")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url: give the key as it was printed") from None


def pack(*parts: bytes) -> bytes:
    """Each part behind its length (4 bytes, big endian): no two lists of parts give the same bytes."""
    packed = b""
    for part in parts:  # a generator costs more than what it would join
        packed += len(part).to_bytes(LENGTH_BYTES, "big") + part
    return packed


def unpack_first(packed: bytes) -> tuple[bytes, bytes]:
    """The first part and the rest; ValueError when the bytes are too short."""
    end = LENGTH_BYTES + int.from_bytes(packed[:LENGTH_BYTES], "big")
    if len(packed) < max(end, LENGTH_BYTES):
        raise ValueError("the packed bytes are cut")
    return packed[LENGTH_BYTES:end], packed[end:]
