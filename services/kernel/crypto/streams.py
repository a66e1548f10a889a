"""Sealing of files in chunks, so that neither side ever holds a whole one: libsodium's secretstream.

stream = b"vf" | suite 1 (1 byte) | key id (16) | commitment (32) | secretstream header (24) | chunks.
A chunk is 64 KiB of plaintext and 17 bytes of tag; only the last may be shorter, and it alone carries the final tag. So
a cut at any byte, a chunk left out, repeated or moved, bytes after the end, another place and another key all refuse to
open. Authenticated with every chunk: the header up to the commitment, and the place (as in `sealing`). As with every
stream, what was opened before a damage was found has been given out already: a reader that cannot take it back compares
the file's length (`sealed_stream_bytes`) first, and ends without its own end mark when the opening raises.
"""

import hmac
from collections.abc import Callable, Iterator
from uuid import UUID

import nacl.bindings as sodium
import nacl.exceptions

from services.kernel.crypto import aead
from services.kernel.crypto.errors import CannotOpen
from services.kernel.crypto.sealing import Key, Place, canonical

CHUNK_BYTES = 64 * 1024
_MAGIC = b"vf\x01"
_PREFIX_BYTES = len(_MAGIC) + 16 + aead.COMMITMENT_BYTES
STREAM_HEADER_BYTES = _PREFIX_BYTES + sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_TAG_BYTES = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
_SEALED_CHUNK_BYTES = CHUNK_BYTES + _TAG_BYTES
_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL

Read = Callable[[int], bytes]


class StreamSealer:
    """Seals one stream: `seal` as often as there are bytes, then `finish` once; what they return is the stream."""

    def __init__(self, key: Key, place: Place) -> None:
        encryption_key, commitment = aead.split(key.secret, aead.STREAM_INFO)
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        nonce = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, encryption_key)
        prefix = _MAGIC + key.id.bytes + commitment
        self._associated = prefix + canonical(place)
        self._sealed = bytearray(prefix + nonce)  # what the next call returns first
        self._waiting = bytearray()

    def seal(self, plaintext: bytes) -> bytes:
        """The chunks that are certainly not the last one; the rest waits."""
        self._waiting += plaintext
        while len(self._waiting) > CHUNK_BYTES:
            self._push(bytes(self._waiting[:CHUNK_BYTES]), _MESSAGE)
            del self._waiting[:CHUNK_BYTES]
        return self._taken()

    def finish(self) -> bytes:
        """The last chunk, marked as such; nothing can be sealed afterwards."""
        self._push(bytes(self._waiting), _FINAL)
        self._waiting.clear()
        return self._taken()

    def _push(self, chunk: bytes, tag: int) -> None:
        self._sealed += sodium.crypto_secretstream_xchacha20poly1305_push(self._state, chunk, self._associated, tag)

    def _taken(self) -> bytes:
        taken = bytes(self._sealed)
        self._sealed.clear()
        return taken


def sealed_stream_bytes(plain_bytes: int) -> int:
    """How long the stream of so many bytes is."""
    chunks = max(1, -(-plain_bytes // CHUNK_BYTES))
    return STREAM_HEADER_BYTES + plain_bytes + chunks * _TAG_BYTES


def stream_key_id(header: bytes) -> UUID:
    """Which key opens a stream that begins so. Not yet authenticated: a hint for looking the key up."""
    if len(header) < STREAM_HEADER_BYTES or header[: len(_MAGIC)] != _MAGIC:
        raise CannotOpen("this is not a sealed stream of a suite that this version knows")
    return UUID(bytes=bytes(header[len(_MAGIC) : len(_MAGIC) + 16]))


def open_stream(key: Key, place: Place, read: Read) -> Iterator[bytes]:
    """The plaintext, at most 64 KiB at a time; CannotOpen as soon as anything differs from what was sealed.

    `read(n)` returns the next n bytes of the stream, and fewer only at its end (a file opened in binary mode).
    """
    header = read(STREAM_HEADER_BYTES)
    if stream_key_id(header) != key.id:
        raise CannotOpen("sealed under another key id: look the key up with stream_key_id")
    encryption_key, commitment = aead.split(key.secret, aead.STREAM_INFO)
    prefix, nonce = header[:_PREFIX_BYTES], header[_PREFIX_BYTES:]
    if not hmac.compare_digest(prefix[-aead.COMMITMENT_BYTES :], commitment):
        raise CannotOpen("sealed under another key of the same id")
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, nonce, encryption_key)
    yield from _chunks(state, prefix + canonical(place), read)


def _chunks(
    state: sodium.crypto_secretstream_xchacha20poly1305_state, associated: bytes, read: Read
) -> Iterator[bytes]:
    tag = _MESSAGE
    while tag != _FINAL:
        sealed = read(_SEALED_CHUNK_BYTES)
        if len(sealed) < _TAG_BYTES:
            raise CannotOpen("the sealed stream is cut")
        try:
            chunk, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed, associated)
        except (nacl.exceptions.CryptoError, RuntimeError):
            raise CannotOpen("the sealed stream is damaged, cut, or belongs to another place") from None
        if tag not in (_MESSAGE, _FINAL) or (tag == _MESSAGE and len(chunk) != CHUNK_BYTES):
            raise CannotOpen("the sealed stream has another shape than ours")
        if tag == _FINAL and read(1):
            raise CannotOpen("the sealed stream goes on after its end")
        yield chunk
