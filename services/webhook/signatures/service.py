"""Checks Meta's signature over the raw bytes of a webhook, and tells for which numbers it counts (hot path)."""

import hmac
from collections.abc import Sequence
from typing import Literal

Mode = Literal["live", "test"]
#: The modes of the numbers that a signature may speak of.
SignedFor = frozenset[Mode]

PREFIX = "sha256="


def sign(secret: bytes, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for these exact bytes (whatsapp-cloud-api 3.1)."""
    return PREFIX + hmac.digest(secret, body, "sha256").hex()


class Signers:
    """The secrets of our app at Meta (live) and at the sandbox (test), several each while one is being replaced.

    A secret that stands in both lists may speak of every number: a local stack has one sandbox for both.
    """

    def __init__(self, *, live: Sequence[bytes], test: Sequence[bytes] = ()) -> None:
        self._modes: dict[bytes, set[Mode]] = {secret: set() for secret in (*live, *test)}
        for secret in live:
            self._modes[secret].add("live")
        for secret in test:
            self._modes[secret].add("test")

    def signed_for(self, body: bytes, signature: str) -> SignedFor:
        """What the bytes may speak of: empty for a wrong signature. Every secret is tried, each in constant time."""
        given = signature.encode("latin-1", "replace")
        matches = [
            modes for secret, modes in self._modes.items() if hmac.compare_digest(sign(secret, body).encode(), given)
        ]
        return frozenset(mode for modes in matches for mode in modes)
