"""XChaCha20-Poly1305 that commits to its key.

The AEAD alone does not: a ciphertext can be made that opens, to different texts, under two keys. With a key per tenant
(and later per person) that would let one record mean two things. So the secret is first split into an encryption key
and a commitment, and the commitment stands in the envelope and is compared before anything is opened (the design of
C2SP chunked-encryption). It has 32 bytes so that two keys with one commitment are as hard to find as a collision of
SHA-256.

envelope = commitment (32) | nonce (24) | ciphertext and tag (n + 16). The caller's header is authenticated, not stored.
"""

import hmac
import os
from collections import deque
from functools import lru_cache

from nacl._sodium import ffi, lib  # type: ignore[import-not-found]  # compiled, without stubs

from services.kernel.crypto.errors import CannotOpen
from services.kernel.crypto.keys import KEY_BYTES, hkdf_sha256, require_key

COMMITMENT_BYTES = 32
NONCE_BYTES = 24
TAG_BYTES = 16
KEYS_CACHED_MAX = 16_384  # two derived keys of 32 bytes each, for every key in use: a few MB

_SALT = b"vestnik"
_INFO = b"seal and commit v1"
STREAM_INFO = b"stream and commit v1"
_NONCES_DRAWN = 128  # at a time: asking the system costs as much as a short encryption

_nonces: deque[bytes] = deque()
os.register_at_fork(after_in_child=_nonces.clear)  # they are the parent's


def new_nonce() -> bytes:
    """Random, and given out once: threads may share the supply, for taking one from it is a single step."""
    try:
        return _nonces.popleft()
    except IndexError:
        drawn = os.urandom(NONCE_BYTES * _NONCES_DRAWN)
        _nonces.extend(drawn[at : at + NONCE_BYTES] for at in range(NONCE_BYTES, len(drawn), NONCE_BYTES))
        return drawn[:NONCE_BYTES]


def lock(secret: bytes, associated: bytes, plaintext: bytes) -> bytes:
    encryption_key, commitment = split(secret)
    nonce = new_nonce()
    prefix = commitment + nonce
    return prefix + _encrypt(plaintext, prefix + associated, nonce, encryption_key)


def unlock(secret: bytes, associated: bytes, envelope: bytes) -> bytes:
    """The plaintext; CannotOpen when anything differs: key, associated data, or a bit of the envelope."""
    encryption_key, commitment = split(secret)
    if len(envelope) < COMMITMENT_BYTES + NONCE_BYTES + TAG_BYTES:
        raise CannotOpen("the sealed bytes are cut")
    if not hmac.compare_digest(envelope[:COMMITMENT_BYTES], commitment):
        raise CannotOpen("sealed under another key of the same id")
    prefix, encrypted = envelope[: COMMITMENT_BYTES + NONCE_BYTES], envelope[COMMITMENT_BYTES + NONCE_BYTES :]
    return _decrypt(encrypted, prefix + associated, prefix[COMMITMENT_BYTES:], encryption_key)


def _decrypt(encrypted: bytes, associated: bytes, nonce: bytes, key: bytes) -> bytes:
    """As `_encrypt`: nonce, key and the least length are known to be right. CannotOpen when the tag is another's."""
    plaintext = ffi.new("unsigned char[]", len(encrypted) - TAG_BYTES)
    failed: int = lib.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plaintext, ffi.NULL, ffi.NULL, encrypted, len(encrypted), associated, len(associated), nonce, key
    )
    if failed:
        raise CannotOpen("the sealed bytes are damaged, or belong to another place")
    return bytes(ffi.buffer(plaintext))


def _encrypt(plaintext: bytes, associated: bytes, nonce: bytes, key: bytes) -> bytes:
    """As `nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt`, whose checks cost more than the encryption.

    They are superfluous here: the lengths of nonce and key are given by this module, and everything is bytes.
    """
    encrypted = ffi.new("unsigned char[]", len(plaintext) + TAG_BYTES)
    failed: int = lib.crypto_aead_xchacha20poly1305_ietf_encrypt(
        encrypted, ffi.NULL, plaintext, len(plaintext), associated, len(associated), ffi.NULL, nonce, key
    )
    if failed:  # libsodium documents that it never is
        raise RuntimeError("libsodium did not encrypt")
    return bytes(ffi.buffer(encrypted))


@lru_cache(maxsize=KEYS_CACHED_MAX)
def split(secret: bytes, info: bytes = _INFO) -> tuple[bytes, bytes]:
    """(encryption key, commitment) of a secret; cached, because HKDF costs more than the encryption."""
    require_key(secret)
    both = hkdf_sha256(secret, salt=_SALT, info=info, length=KEY_BYTES + COMMITMENT_BYTES)
    return both[:KEY_BYTES], both[KEY_BYTES:]
