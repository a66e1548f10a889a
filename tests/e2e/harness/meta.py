"""Webhooks as Meta posts them, signed with the app secret, made by the test itself."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import aiohttp


class Meta:
    """Posts signed updates to the webhook."""

    def __init__(self, http: aiohttp.ClientSession, url: str, app_secret: str) -> None:
        self._http = http
        self.url = url
        self._secret = app_secret

    async def post(self, body: bytes | dict[str, Any], *, signature: str | None = None) -> int:
        """Post an envelope; the answer's status."""
        status, _, _ = await self.answer(body, signature=signature)
        return status

    async def answer(
        self, body: bytes | dict[str, Any], *, signature: str | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Post an envelope; status, body and headers of the answer. `signature` replaces the right one."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if signature != "":
            headers["X-Hub-Signature-256"] = self.sign(raw) if signature is None else signature
        async with self._http.post(self.url, data=raw, headers=headers) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    def sign(self, body: bytes) -> str:
        return "sha256=" + hmac.digest(self._secret.encode(), body, hashlib.sha256).hex()


def status_update(
    phone_number_id: str, wamid: str, status: str, *, person: str, at: float | None = None, **more: Any
) -> dict[str, Any]:
    """An envelope with one status; `more` are further fields of it (biz_opaque_callback_data, pricing, errors)."""
    one = {
        "id": wamid,
        "status": status,
        "timestamp": str(int(time.time() if at is None else at)),
        "recipient_id": person.lstrip("+"),
        **more,
    }
    return envelope(phone_number_id, statuses=[one])


def inbound(
    phone_number_id: str, text: str, *, person: str, at: float | None = None, wamid: str | None = None
) -> dict[str, Any]:
    """An envelope with one text from a person, written at `at` (Unix seconds)."""
    phone = person.lstrip("+")
    message = {
        "from": phone,
        "id": wamid or f"wamid.{uuid4().hex}",
        "timestamp": str(int(time.time() if at is None else at)),
        "type": "text",
        "text": {"body": text},
    }
    return envelope(phone_number_id, contacts=[{"wa_id": phone, "profile": {"name": "Анна"}}], messages=[message])


def envelope(phone_number_id: str, **parts: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "74950000000", "phone_number_id": phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **parts}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "100200300400", "changes": [{"field": "messages", "value": value}]}],
    }
