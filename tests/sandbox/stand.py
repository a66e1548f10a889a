"""A sandbox process and a webhook receiver, both real, for the tests of the sandbox."""

import asyncio
import hashlib
import hmac
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

SECRET = "test_app_secret"
NUMBER = "106540352242922"
PATIENCE_SECONDS = 20.0
_phones = itertools.count(79_110_000_000 + os.getpid() % 1000 * 10_000)


def new_phone() -> str:
    """A person nobody has written to, as digits."""
    return str(next(_phones))


async def until(true: Callable[[], Any]) -> Any:
    """Wait for a condition; what it returns in the end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := true()):  # noqa: ASYNC110  # the condition is another process's doing
            await asyncio.sleep(0.01)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Receiver:
    """Takes webhooks as Vestnik does: the signature over the raw bytes first."""

    def __init__(self) -> None:
        self.status = 200
        self.delays: list[float] = []  # seconds before the next answers
        self.bodies: list[bytes] = []
        self.refused: list[bytes] = []
        self.forged: list[bytes] = []

    async def post(self, request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(self.delays.pop(0) if self.delays else 0)
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if request.headers.get("X-Hub-Signature-256") != expected:
            self.forged.append(body)
            return web.Response(status=401)
        (self.bodies if self.status == 200 else self.refused).append(body)
        return web.Response(status=self.status)

    async def get(self, request: web.Request) -> web.Response:
        known = request.query["hub.verify_token"] == "token"
        return web.Response(text=request.query["hub.challenge"], status=200 if known else 403)

    def values(self) -> list[dict[str, Any]]:
        """Every fact received, with the account it came under."""
        return [
            {"waba_id": entry["id"], **change["value"]}
            for body in self.bodies
            for entry in json.loads(body)["entry"]
            for change in entry["changes"]
        ]

    def statuses(self, phone: str) -> list[dict[str, Any]]:
        return [s for value in self.values() for s in value.get("statuses", []) if s.get("recipient_id") == phone]

    def names(self, phone: str) -> list[str]:
        return [status["status"] for status in self.statuses(phone)]

    def messages(self, phone: str) -> list[dict[str, Any]]:
        return [m for value in self.values() for m in value.get("messages", []) if m.get("from") == phone]

    def changes(self, field: str) -> list[dict[str, Any]]:
        """Every change of this field, with its account and its time."""
        return [
            {"waba_id": entry["id"], "time": entry.get("time"), **change}
            for body in self.bodies
            for entry in json.loads(body)["entry"]
            for change in entry["changes"]
            if change["field"] == field
        ]


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/webhook", receiver.post)
    app.router.add_get("/webhook", receiver.get)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    yield receiver, f"http://127.0.0.1:{port}/webhook"
    await runner.cleanup()


class Sandbox:
    """One sandbox; it may be killed and started again on the same files."""

    def __init__(self, folder: Path, webhook_url: str, session: aiohttp.ClientSession) -> None:
        self.file = folder / "sends.jsonl"
        self.url = ""
        self.session = session
        self._process: asyncio.subprocess.Process | None = None
        self._environment = {
            **os.environ,
            "WEBHOOK__URL": webhook_url,
            "WEBHOOK__RETRY_START_SECONDS": "0.05",
            "APP_SECRET": SECRET,
            "VERIFY_TOKEN": "token",
            "FILE": str(self.file),
            "RULES__WINDOW": "false",  # most stories begin with a send; those of the window switch it on
            "TEMPLATE_REVIEW_SECONDS": "0.1",
        }

    async def start(self, **more: str) -> None:
        self._environment |= {"HTTP__PORT": str(port := free_port())} | more
        self.url = f"http://127.0.0.1:{port}"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.sandbox.api", env=self._environment, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._is_ready():
                assert self._process.returncode is None, "the sandbox ended while starting"
                await asyncio.sleep(0.05)

    async def end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.end(signal.SIGKILL)

    async def post(self, body: object, *, token: str = "key", number: str = NUMBER) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.post(f"{self.url}/v23.0/{number}/messages", data=raw, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def graph(self, method: str, path: str, *, token: str = "key", **more: Any) -> tuple[int, Any]:
        """Any call of the Graph API: the status and the JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, f"{self.url}/v23.0/{path}", headers=headers, **more) as answer:
            return answer.status, json.loads(await answer.read())

    async def upload(
        self, content: bytes, mime_type: str, *, number: str = NUMBER, filename: str = "file"
    ) -> tuple[int, Any]:
        """The parts in the order in which pywa sends them."""
        form = aiohttp.FormData()
        form.add_field("file", content, filename=filename, content_type=mime_type)
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime_type)
        return await self.graph("POST", f"{number}/media", data=form)

    async def writes(self, phone: str, **writing: Any) -> str:
        """The person writes to the usual number; the wamid."""
        found = await self.control("POST", f"people/{phone}/messages", {"phone_number_id": NUMBER} | writing)
        return str(found["id"])

    async def send_text(self, phone: str, text: str = "hello", *, mark: str | None = None) -> dict[str, Any]:
        body = text_to(phone, text) | ({"biz_opaque_callback_data": mark} if mark else {})
        status, answer = await self.post(body)
        assert status == 200, answer
        return answer

    async def control(self, method: str, path: str, body: object = None) -> Any:
        async with self.session.request(method, f"{self.url}/_sandbox/{path}", json=body) as answer:
            raw = await answer.read()
            assert answer.status < 300, raw
            return json.loads(raw) if raw else None

    async def all_told(self) -> None:
        """Wait until no update is pending."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.control("GET", "webhooks"))["pending"]:  # noqa: ASYNC110  # another process's doing
                await asyncio.sleep(0.02)

    async def scenario(self, phone: str, **scenario: object) -> None:
        await self.control("PUT", f"scenarios/{phone}", scenario)

    async def sends(self, phone: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while page := (await self.control("GET", f"sends?after={after}"))["sends"]:
            after = page[-1]["n"]
            found += [send for send in page if send["to"].lstrip("+") == phone]
        return found

    async def _is_ready(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def text_to(phone: str, text: str = "hello") -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": f"+{phone}", "type": "text", "text": {"body": text}}


def message_to(phone: str, kind: str, content: object, **more: object) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": f"+{phone}", "type": kind, kind: content, **more}


def template_to(phone: str, *parameters: str, name: str = "order_ready") -> dict[str, Any]:
    body = {"type": "body", "parameters": [{"type": "text", "text": text} for text in parameters]}
    template = {"name": name, "language": {"code": "ru"}, "components": [body]}
    return {"messaging_product": "whatsapp", "to": f"+{phone}", "type": "template", "template": template}
