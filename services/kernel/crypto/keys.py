"""Making keys and deriving one from another."""

import hashlib
import hmac

import nacl.bindings
import nacl.utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_SALT = b"vestnik"
_CHECK_LABEL = b"vestnik-kcv-v1"


def random_key() -> bytes:
    return nacl.utils.random(KEY_BYTES)


def hkdf_sha256(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF of RFC 5869; ValueError when more than 255 * 32 bytes are asked for."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def derive(tenant_key: bytes, purpose: str) -> bytes:
    """The sub-key of a tenant key for one purpose ("messages", "index", "service consent", ...)."""
    require_key(tenant_key)
    return hkdf_sha256(tenant_key, salt=_SALT, info=b"purpose:" + purpose.encode(), length=KEY_BYTES)


def key_check_value(key: bytes) -> str:
    """Eight hex digits by which operators tell keys apart: a fingerprint, never a proof of anything."""
    return hmac.digest(key, _CHECK_LABEL, hashlib.sha256)[:4].hex()


def new_signing_keys() -> tuple[bytes, bytes]:
    """A new Ed25519 pair for internal tokens: (seed, public key), 32 bytes each."""
    seed = random_key()
    return seed, public_signing_key(seed)


def public_signing_key(seed: bytes) -> bytes:
    require_key(seed)
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public


def require_key(key: bytes) -> None:
    """Refuse a key of another length: an empty key would silently turn a keyed hash into a plain one."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, this one has {len(key)}")
