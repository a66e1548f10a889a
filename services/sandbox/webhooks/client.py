"""Posts signed envelopes to the webhook as Meta does."""

import hmac
import secrets

import aiohttp

from services.sandbox.settings import WebhookSettings

TAKEN = 200


class WebhookClient:
    """One session for all lanes; opened on the loop, closed at the end."""

    def __init__(self, settings: WebhookSettings, *, app_secret: str, verify_token: str) -> None:
        self._settings = settings
        self._secret = app_secret.encode()
        self._verify_token = verify_token
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> bool:
        """Whether the webhook took it: HTTP 200 and nothing else counts."""
        return await self.answer(body, self.signature(body)) == TAKEN

    async def answer(self, body: bytes, signature: str | None) -> int:
        """The status that this signature got (None: no header at all), or 0 without an answer."""
        headers = {"Content-Type": "application/json"}
        if signature is not None:
            headers["X-Hub-Signature-256"] = signature
        try:
            async with self._open().post(self._settings.url, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    async def handshake(self) -> bool:
        """Whether the webhook answers Meta's `hub.challenge` with the bare challenge."""
        challenge = str(secrets.randbelow(10**10))
        asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": self._verify_token}
        try:
            async with self._open().get(self._settings.url, params=asked) as answer:
                return answer.status == 200 and await answer.text() == challenge
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError):
            return False

    def signature(self, body: bytes) -> str:
        return "sha256=" + hmac.digest(self._secret, body, "sha256").hex()

    def forged(self, body: bytes) -> str:
        """The signature of somebody who does not know the secret."""
        return "sha256=" + hmac.digest(self._secret + b"?", body, "sha256").hex()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        return self._session
