"""The headers by which a tenant knows that a callback is ours: Meta's signature and Standard Webhooks 1.0.0.

One secret serves both: "whsec_" and the base64 of 32 random bytes. For `X-Hub-Signature-256` its text is the key, as an
app secret is with Meta; for Standard Webhooks the decoded bytes are (billing-consent-keys 5.1).
"""

import base64
import hashlib
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105  # a prefix is no secret


def headers(*, secret: str, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """All headers of one attempt; `timestamp` is the attempt's, in Unix seconds."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Vestnik/1",
        "X-Hub-Signature-256": hub_signature(secret, body),
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": webhook_signature(secret, delivery_id, timestamp, body),
    }


def hub_signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def webhook_signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    signed = b"%s.%d.%s" % (delivery_id.encode(), timestamp, body)
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
