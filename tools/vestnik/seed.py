"""Makes demo tenants the way staff would: each with a number, a template, money and one person's consent."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local import staff
from deploy.local.stack import Stack
from deploy.local.waiting import blocking
from tools.vestnik.api import PROPAGATION_SECONDS, Api, TenantApi

LANGUAGE = "ru"
TEMPLATE = "order_ready"
TEMPLATE_TEXT = "Здравствуйте, {{1}}! Ваш заказ готов и ждёт вас."
CONSENT_TEXT = "Согласен получать сообщения о моём заказе в WhatsApp."
MESSAGES_PER_SECOND = 80  # Meta's limit of an ordinary number
TOP_UP = "1000.00"


@dataclass(frozen=True)
class Shop:
    """A demo tenant before it exists."""

    name: str
    display_phone_number: str
    person: str


SHOPS = {
    "tenant": Shop("Пекарня «Тёплый хлеб»", "+7 495 000-00-01", "+79990000001"),
    "other_tenant": Shop("Мастерская «Часы и время»", "+7 495 000-00-02", "+79990000002"),
}


def seed(stack: Stack) -> Mapping[str, Any]:
    """Create both demo tenants in a running stack; return them as stack.json shows them."""
    return blocking(_seed(stack))


async def _seed(stack: Stack) -> Mapping[str, Any]:
    token = staff.token(stack.facts.secrets)
    async with Api() as api:
        return {key: await _Opening(api, stack, token).open(shop) for key, shop in SHOPS.items()}


class _Opening:
    """One tenant being set up."""

    def __init__(self, api: Api, stack: Stack, token: str) -> None:
        self._api = api
        self._stack = stack
        self._token = token

    async def open(self, shop: Shop) -> dict[str, Any]:
        created = await self._staff("gateway", "/internal/tenants", {"name": shop.name})
        number = await self._number(created["id"], shop)
        template = await self._template(created["id"], number["waba_id"])
        await self._top_up(created["id"])
        tenant = {**created, **number, "template": template, "person": shop.person}
        own = TenantApi(self._api, self._stack.url("gateway"), tenant)
        await own.give_consent(shop.person, "web_form", CONSENT_TEXT, patience_seconds=PROPAGATION_SECONDS)
        return tenant

    async def _number(self, tenant_id: str, shop: Shop) -> dict[str, str]:
        ids = {"phone_number_id": _meta_id(), "waba_id": _meta_id()}
        body = {**ids, "display_phone_number": shop.display_phone_number, "access_token": secrets.token_urlsafe(32),
                "messages_per_second": MESSAGES_PER_SECOND}  # fmt: skip
        await self._staff("gateway", f"/internal/tenants/{tenant_id}/numbers", body)
        known = {
            "waba_id": ids["waba_id"],
            "display_phone_number": shop.display_phone_number,
            "verified_name": shop.name,
        }
        await self._sandbox(f"/_sandbox/numbers/{ids['phone_number_id']}", known)
        return ids

    async def _template(self, tenant_id: str, waba_id: str) -> dict[str, Any]:
        known = {"category": "utility", "language": LANGUAGE, "components": [{"type": "BODY", "text": TEMPLATE_TEXT}]}
        body = {"waba_id": waba_id, "name": TEMPLATE, **known}
        await self._staff("gateway", f"/internal/tenants/{tenant_id}/templates", body)
        await self._sandbox(f"/_sandbox/templates/{TEMPLATE}", known)
        return {"name": TEMPLATE, "language": LANGUAGE, "body_parameters": 1}

    async def _top_up(self, tenant_id: str) -> None:
        body = {"amount": TOP_UP, "currency": "RUB", "reference": f"demo-{tenant_id}"}
        await self._staff("billing", f"/internal/tenants/{tenant_id}/top-ups", body)

    async def _staff(self, service: str, path: str, body: Mapping[str, Any]) -> Any:
        url = self._stack.url(service) + path
        return await self._api.call("POST", url, token=self._token, json=body, patience_seconds=PROPAGATION_SECONDS)

    async def _sandbox(self, path: str, body: Mapping[str, Any]) -> None:
        await self._api.call("PUT", self._stack.url("sandbox") + path, json=body)


def _meta_id() -> str:
    """Return an id like Meta's: 15 digits."""
    return str(10**14 + secrets.randbelow(9 * 10**14))
