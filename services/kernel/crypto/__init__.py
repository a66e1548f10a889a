"""Cryptography of Vestnik: the only package that touches the primitives for content, indexes and keys.

Sealing (a tenant's data at rest), boxes (to a public key), blind indexes, and the key-encryption key. The primitives
are libsodium's (XChaCha20-Poly1305, X25519 sealed boxes, Ed25519), BLAKE2b and HKDF-SHA256. Keys are immutable `bytes`,
which Python cannot wipe: they live in few places and never in an exception or a log line.
"""

from services.kernel.crypto.boxes import box_key_id, new_box_keys, open_box, public_box_key, seal_to
from services.kernel.crypto.encoding import b64url, pack, unb64url
from services.kernel.crypto.errors import CannotOpen, KekUnusable
from services.kernel.crypto.indexes import blind_index, equal, keyed_hash
from services.kernel.crypto.kek import FileKek, Kek, wrap_context
from services.kernel.crypto.keys import (
    derive,
    hkdf_sha256,
    key_check_value,
    new_signing_keys,
    public_signing_key,
    random_key,
)
from services.kernel.crypto.sealing import Key, Place, open_sealed, seal, sealed_key_id
from services.kernel.crypto.streams import StreamSealer, open_stream, sealed_stream_bytes, stream_key_id

__all__ = [
    "CannotOpen",
    "FileKek",
    "Kek",
    "KekUnusable",
    "Key",
    "Place",
    "StreamSealer",
    "b64url",
    "blind_index",
    "box_key_id",
    "derive",
    "equal",
    "hkdf_sha256",
    "key_check_value",
    "keyed_hash",
    "new_box_keys",
    "new_signing_keys",
    "open_box",
    "open_sealed",
    "open_stream",
    "pack",
    "public_box_key",
    "public_signing_key",
    "random_key",
    "seal",
    "seal_to",
    "sealed_key_id",
    "sealed_stream_bytes",
    "stream_key_id",
    "unb64url",
    "wrap_context",
]
