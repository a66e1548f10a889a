"""The headers by which a tenant knows that a callback is ours: Meta's signature and Standard Webhooks 1.0.0.

One secret serves both: "whsec_" and the base64 of 32 random bytes. For `X-Hub-Signature-256` its text is the key, as an
app secret is with Meta; for Standard Webhooks the decoded bytes are (billing-consent-keys 5.1).

While a secret is being rotated two are valid. Standard Webhooks' header is a list and holds a signature by each, the
newest first. Meta's has room for one, and is made with the old secret until the overlap ends or the tenant confirms
the new one: at every moment a receiver that checks with what it has been given so far accepts the callback.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105  # a prefix is no secret


def headers(*, secrets: Sequence[str], delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """All headers of one attempt; `secrets` are the newest and perhaps the old one, `timestamp` the attempt's."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Vestnik/1",
        "X-Hub-Signature-256": hub_signature(secrets[-1], body),
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(webhook_signature(secret, delivery_id, timestamp, body) for secret in secrets),
    }


def hub_signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def webhook_signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    signed = b"%s.%d.%s" % (delivery_id.encode(), timestamp, body)
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
