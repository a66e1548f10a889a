"""Blind indexes: equal values of one tenant give equal text, and nobody without the tenant's key can compute it.

A phone number has about 2^33 values, so an unkeyed hash of it is as good as the number itself; hence the key.
"""

import hashlib
import hmac
from functools import lru_cache

from services.kernel.crypto.encoding import pack
from services.kernel.crypto.keys import require_key

_DIGEST_BYTES = 32
_KINDS_MAX = 256


def blind_index(index_key: bytes, kind: str, value: str) -> str:
    """64 hex digits. `kind` ("phone", "bsuid", "wamid", "idempotency", ...) keeps equal values of two kinds apart."""
    require_key(index_key)
    keyed = hashlib.blake2b(_packed_kind(kind) + value.encode(), key=index_key, digest_size=_DIGEST_BYTES)
    return keyed.hexdigest()


def keyed_hash(pepper: bytes, value: bytes) -> bytes:
    """BLAKE2b-256 under a key of 32 bytes: for secrets of high entropy (API keys) and for blind indexes."""
    require_key(pepper)
    return hashlib.blake2b(value, key=pepper, digest_size=_DIGEST_BYTES).digest()


@lru_cache(maxsize=_KINDS_MAX)
def _packed_kind(kind: str) -> bytes:
    return pack(kind.encode())


def equal(a: bytes, b: bytes) -> bool:
    """Comparison in constant time."""
    return hmac.compare_digest(a, b)
