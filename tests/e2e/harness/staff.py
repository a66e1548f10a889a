"""The staff, who bring a tenant in: number, templates, money, and its callback endpoint."""

import asyncio
import secrets
from typing import Any

import aiohttp

from deploy.local import staff
from deploy.local.stack import Stack
from tests.e2e.harness.receiver import Receiver
from tests.e2e.harness.sandbox import Sandbox
from tests.e2e.harness.tenants import CATEGORIES, LANGUAGE, Tenant, new_meta_id, new_person
from tests.e2e.harness.waiting import eventually

# A new tenant is known to a service when it has read it from Kafka.
NOT_KNOWN_YET = (401, 404, 503)


class Staff:
    """Calls the services' staff APIs."""

    def __init__(self, http: aiohttp.ClientSession, stack: Stack, sandbox: Sandbox) -> None:
        self._http = http
        self._stack = stack
        self._sandbox = sandbox
        self._token = staff.token(stack.facts.secrets)
        self._second_token = staff.token(stack.facts.secrets, subject="second operator")
        self._receivers: list[Receiver] = []

    async def close(self) -> None:
        """Stop the endpoints of all tenants that were opened."""
        await asyncio.gather(*(receiver.stop() for receiver in self._receivers))

    async def open_tenant(
        self, *, top_up: str | None = "1000.00", messages_per_second: int = 80, callback: bool = True
    ) -> Tenant:
        """A tenant of its own number, templates, wallet and endpoint, known to every service."""
        created = await self.call("gateway", "/internal/tenants", {"name": f"Пекарня {secrets.token_hex(3)}"})
        receiver = Receiver(created["callback_secret"])
        self._receivers.append(receiver)
        tenant = Tenant(
            http=self._http,
            gateway=self._stack.url("gateway"),
            id=created["id"],
            api_key=created["api_key"],
            callback_secret=created["callback_secret"],
            phone_number_id=new_meta_id(),
            waba_id=new_meta_id(),
            callbacks=receiver,
        )
        await self.add_number(tenant, tenant.phone_number_id, tenant.waba_id, messages_per_second)
        await asyncio.gather(*(self.add_template(tenant, name) for name in CATEGORIES))
        if top_up is not None:
            await self.top_up(tenant, top_up)
        await self._wait_known(tenant)
        if callback:
            answer = await tenant.call("PUT", "/v1/callback", {"url": await receiver.start()})
            assert answer.status in (200, 204), f"{answer.status}: {answer.body}"
        return tenant

    async def add_number(
        self, tenant: Tenant, phone_number_id: str, waba_id: str, messages_per_second: int = 80
    ) -> None:
        shown = new_person()
        body = {
            "phone_number_id": phone_number_id,
            "waba_id": waba_id,
            "display_phone_number": shown,
            "access_token": secrets.token_urlsafe(32),
            "messages_per_second": messages_per_second,
        }
        await self.call("gateway", f"/internal/tenants/{tenant.id}/numbers", body)
        await self._sandbox.know_number(phone_number_id, waba_id, shown)

    async def add_template(self, tenant: Tenant, name: str) -> None:
        category = CATEGORIES[name]
        body = {
            "waba_id": tenant.waba_id,
            "name": name,
            "language": LANGUAGE,
            "category": category,
            "components": [{"type": "BODY", "text": "Здравствуйте, {{1}}!"}],
        }
        await self.call("gateway", f"/internal/tenants/{tenant.id}/templates", body)
        await self._sandbox.know_template(name, category, LANGUAGE, 1)

    async def top_up(self, tenant: Tenant, amount: str) -> None:
        """Book a payment; a large one is approved by a second person."""
        body = {"amount": amount, "currency": "RUB", "reference": f"test-{secrets.token_hex(4)}"}
        answer = await self.call("billing", f"/internal/tenants/{tenant.id}/top-ups", body)
        if answer.get("state") == "requested":
            await self.approve("billing", answer["id"])

    async def approve(self, service: str, approval_id: str) -> dict[str, Any]:
        """Approve, as another person, what was asked for by the first one."""
        return await self.call(service, f"/internal/approvals/{approval_id}:approve", {}, token=self._second_token)

    async def call(self, service: str, path: str, body: dict[str, Any], *, token: str = "") -> dict[str, Any]:
        """Post to a service's staff API; "not known here yet" is asked again."""

        async def probe() -> dict[str, Any] | None:
            headers = {"Authorization": f"Bearer {token or self._token}"}
            async with self._http.post(self._stack.url(service) + path, json=body, headers=headers) as answer:
                if answer.status in NOT_KNOWN_YET:
                    return None
                assert answer.ok, f"POST {path}: {answer.status} {await answer.text()}"
                found: dict[str, Any] = await answer.json()
                return found

        found: dict[str, Any] = await eventually(probe, f"POST {path}")
        return found

    async def _wait_known(self, tenant: Tenant) -> None:
        """Consent and billing have read the tenant when they answer for it."""
        for path in (f"/v1/consents?phone=%2B{new_person()[1:]}", "/v1/billing/balance"):

            async def is_known(path: str = path) -> bool:
                return (await tenant.call("GET", path)).status == 200

            await eventually(is_known, f"GET {path}")
