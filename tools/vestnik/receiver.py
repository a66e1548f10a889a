"""A tenant's callback endpoint on loopback: checks every signature and hands the facts on."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web

from deploy.local import ports

PATH = "/callbacks"
FIRST_PORT = 18_100


class Receiver:
    """Takes callbacks from start() to stop(); a wrong signature is answered with 401."""

    def __init__(self, secret: str) -> None:
        self.facts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._secret = secret
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on a free port and return the URL to give to PUT /v1/callback."""
        app = web.Application()
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        port = ports.choose(["callbacks"], {}, FIRST_PORT)["callbacks"]
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{port}{PATH}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not genuine(self._secret, body, request.headers.get("X-Hub-Signature-256", "")):
            return web.Response(status=401)
        for entry in json.loads(body)["entry"]:
            for change in entry["changes"]:
                self.facts.put_nowait(change["value"])
        return web.Response(status=200)


def genuine(secret: str, body: bytes, signature: str) -> bool:
    """Say whether the body was signed with the tenant's callback secret, as Meta signs its webhooks."""
    expected = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    return hmac.compare_digest(expected.encode(), signature.encode())
