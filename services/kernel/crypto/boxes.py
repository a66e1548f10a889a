"""Sealing to somebody's X25519 public key: only the holder of the private half opens it.

box = b"vb" | suite 1 (1 byte) | key fingerprint (8) | sealed box of libsodium over
length of the context (4) | context | plaintext.
A sealed box has no associated data, so the context stands inside the plaintext and is checked at the opening. The
fingerprint is a hint for choosing the private key while keys rotate; it is not authenticated and need not be.
"""

import hashlib
import hmac
from functools import lru_cache

import nacl.bindings
import nacl.exceptions

from services.kernel.crypto.encoding import pack, unpack_first
from services.kernel.crypto.errors import CannotOpen
from services.kernel.crypto.keys import random_key, require_key

_MAGIC = b"vb\x01"
_FINGERPRINT_BYTES = 8
_HEADER_BYTES = len(_MAGIC) + _FINGERPRINT_BYTES


def new_box_keys() -> tuple[bytes, bytes]:
    """A new pair: (private, public), 32 bytes each."""
    private_key = random_key()
    return private_key, public_box_key(private_key)


@lru_cache(maxsize=1_024)
def public_box_key(private_key: bytes) -> bytes:
    require_key(private_key)
    return nacl.bindings.crypto_scalarmult_base(private_key)


def seal_to(public_key: bytes, context: str, plaintext: bytes) -> bytes:
    """Costs about 50 us; ValueError for a public key that is none (wrong length, or of small order)."""
    require_key(public_key)
    try:
        box = nacl.bindings.crypto_box_seal(pack(context.encode()) + plaintext, public_key)
    except nacl.exceptions.CryptoError:
        raise ValueError("this is not a usable X25519 public key") from None
    return _MAGIC + _fingerprint(public_key) + box


def box_key_id(sealed: bytes) -> str:
    """The fingerprint (16 hex digits) of the public key that the box is sealed to."""
    if len(sealed) < _HEADER_BYTES or sealed[: len(_MAGIC)] != _MAGIC:
        raise CannotOpen("this is not a sealed box of a suite that this version knows")
    return sealed[len(_MAGIC) : _HEADER_BYTES].hex()


def open_box(private_key: bytes, context: str, sealed: bytes) -> bytes:
    """The plaintext; CannotOpen when the key, the context or a single bit of the box is another."""
    public_key = public_box_key(private_key)
    if box_key_id(sealed) != _fingerprint(public_key).hex():
        raise CannotOpen("the box is sealed to another public key")
    try:
        packed = nacl.bindings.crypto_box_seal_open(bytes(sealed[_HEADER_BYTES:]), public_key, private_key)
        found, plaintext = unpack_first(packed)
    except (nacl.exceptions.CryptoError, ValueError):
        raise CannotOpen("the box is damaged") from None
    if not hmac.compare_digest(found, context.encode()):
        raise CannotOpen("the box was sealed for another purpose")
    return plaintext


def _fingerprint(public_key: bytes) -> bytes:
    return hashlib.blake2b(public_key, digest_size=_FINGERPRINT_BYTES, person=b"vestnik box key").digest()
