"""Checks Meta's signature over the raw bytes of a webhook (hot path)."""

import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "sha256="


def sign(secret: bytes, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for these exact bytes (whatsapp-cloud-api 3.1)."""
    return PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()


def is_genuine(secrets: Sequence[bytes], body: bytes, signature: str) -> bool:
    """Whether any of our app's secrets signed the body; every secret is tried in constant time."""
    given = signature.encode("latin-1", "replace")
    matches = [hmac.compare_digest(sign(secret, body).encode(), given) for secret in secrets]
    return any(matches)
