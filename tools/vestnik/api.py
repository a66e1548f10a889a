"""The HTTP calls that the demo makes, as a tenant, as staff and as a person with a phone."""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from deploy.local.errors import StackError

GRAPH_VERSION = "v23.0"
TIMEOUT_SECONDS = 20.0
# A new tenant is known everywhere once every service has read it from Kafka.
PROPAGATION_SECONDS, PROPAGATION_STATUSES = 30.0, (401, 404, 503)


class Api:
    """A small JSON client; an answer that is not a 2xx becomes a StackError that shows it."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(
        self,
        method: str,
        url: str,
        *,
        token: str = "",
        json: Mapping[str, Any] | None = None,
        patience_seconds: float = 0,
    ) -> Any:
        """Return the answer's JSON; for `patience_seconds` a "not known here yet" is asked again."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        deadline = time.monotonic() + patience_seconds
        while True:
            async with self._session.request(method, url, json=json, headers=headers) as answer:
                text = await answer.text()
                if answer.ok:
                    return await answer.json(content_type=None) if text else None
            if answer.status not in PROPAGATION_STATUSES or time.monotonic() > deadline:
                raise StackError(f"{method} {url} was answered with {answer.status}: {text[:500]}")
            await asyncio.sleep(0.2)


def template_message(tenant: Mapping[str, Any], to: str, *parameters: str) -> dict[str, Any]:
    """Return the body that sends a tenant's approved template."""
    template = tenant["template"]
    values = [{"type": "text", "text": value} for value in parameters]
    content = {
        "name": template["name"],
        "language": {"code": template["language"]},
        "components": [{"type": "body", "parameters": values}],
    }
    return {"messaging_product": "whatsapp", "to": to, "type": "template", "template": content}


def messages_path(tenant: Mapping[str, Any]) -> str:
    """Return where a tenant's messages are posted."""
    return f"/{GRAPH_VERSION}/{tenant['phone_number_id']}/messages"


class TenantApi:
    """What a tenant's own software calls."""

    def __init__(self, api: Api, gateway: str, tenant: Mapping[str, Any]) -> None:
        self._api = api
        self._gateway = gateway
        self._tenant = tenant

    async def set_callback(self, url: str) -> None:
        """Tell where callbacks go."""
        await self._call("PUT", "/v1/callback", {"url": url})

    async def send_template(self, to: str, *parameters: str) -> str:
        """Send the tenant's approved template; return the message's id."""
        return await self._send(template_message(self._tenant, to, *parameters))

    async def send_text(self, to: str, text: str) -> str:
        """Send a free-form text; return the message's id."""
        return await self._send({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}})

    async def _send(self, message: Mapping[str, Any]) -> str:
        answer = await self._call("POST", messages_path(self._tenant), message)
        return str(answer["messages"][0]["id"])

    async def message(self, message_id: str) -> dict[str, Any]:
        """Return a message's state, price, trace and events."""
        found: dict[str, Any] = await self._call("GET", f"/v1/messages/{message_id}")
        return found

    async def balance(self) -> dict[str, Any]:
        """Return wallet, held and credit limit."""
        found: dict[str, Any] = await self._call("GET", "/v1/billing/balance")
        return found

    async def give_consent(self, phone: str, source: str, text: str, *, patience_seconds: float = 0) -> None:
        """Record that a person agreed to service messages."""
        body = {"phone": phone, "purpose": "service", "evidence": {"source": source, "text": text}}
        await self._call("POST", "/v1/consents", body, patience_seconds=patience_seconds)

    async def _call(
        self, method: str, path: str, json: Mapping[str, Any] | None = None, *, patience_seconds: float = 0
    ) -> Any:
        key = self._tenant["api_key"]
        return await self._api.call(
            method, self._gateway + path, token=key, json=json, patience_seconds=patience_seconds
        )
