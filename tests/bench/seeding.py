"""Brings the population into a running stack the way staff and tenants would, through the public and internal APIs."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from deploy.local import staff
from deploy.local.stack import Stack
from tests.bench.population import LANGUAGE, TEMPLATE, TEMPLATE_TEXT, Shop
from tests.bench.progress import Tell
from tools.vestnik.api import PROPAGATION_SECONDS, Api

TOP_UP = "100000000.00"  # nobody runs out of money: refusals for want of it are another test
AT_ONCE = 4  # tenants being set up
WRITING_AT_ONCE = 16
QUESTION = "Здравствуйте! Вы сегодня работаете?"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A shop that exists."""

    id: UUID
    api_key: str
    shop: Shop


async def open_shops(stack: Stack, shops: list[Shop], receivers_port: int, tell: Tell) -> list[Tenant]:
    """Create every tenant with numbers, template, money and a callback URL."""
    places, done = asyncio.Semaphore(AT_ONCE), 0
    async with Api() as api:
        opening = _Opening(api, stack)
        await opening.know_template()

        async def one(index: int, shop: Shop) -> Tenant:
            nonlocal done
            async with places:
                tenant = await opening.open(shop, f"http://127.0.0.1:{receivers_port}/{index}")
            done += 1
            tell(done, "")
            return tenant

        return await asyncio.gather(*(one(index, shop) for index, shop in enumerate(shops)))


async def let_people_write(stack: Stack, shops: list[Shop], tell: Tell) -> int:
    """Open windows the real way: people write, the webhook takes it, consent opens, the tenant is called; how many."""
    waiting = [pair for shop in shops for pair in shop.people_who_wrote()]
    total, sandbox = len(waiting), stack.url("sandbox")
    async with Api() as api:

        async def write() -> None:
            while waiting:
                phone, number = waiting.pop()
                body = {"text": QUESTION, "phone_number_id": number}
                await api.call("POST", f"{sandbox}/_sandbox/people/{phone[1:]}/messages", json=body)
                tell(total - len(waiting), "")

        await asyncio.gather(*(write() for _ in range(WRITING_AT_ONCE)))
    return total


class _Opening:
    """What it takes to set up one tenant after another."""

    def __init__(self, api: Api, stack: Stack) -> None:
        self._api = api
        self._stack = stack
        self._token = staff.token(stack.facts.secrets)
        self._second_token = staff.token(stack.facts.secrets, subject="second operator")

    async def know_template(self) -> None:
        known = {"category": "utility", "language": LANGUAGE, "body_parameters": 1}
        await self._put("sandbox", f"/_sandbox/templates/{TEMPLATE}", known)

    async def open(self, shop: Shop, callback_url: str) -> Tenant:
        created = await self._post("gateway", "/internal/tenants", {"name": shop.name})
        path, waba_id = f"/internal/tenants/{created['id']}", shop.numbers[0]
        for number in shop.numbers:
            await self._number(path, shop, number, waba_id)
        template = {"waba_id": waba_id, "name": TEMPLATE, "language": LANGUAGE, "category": "utility",
                    "components": [{"type": "BODY", "text": TEMPLATE_TEXT}]}  # fmt: skip
        await self._post("gateway", f"{path}/templates", template)
        money = {"amount": TOP_UP, "currency": "RUB", "reference": f"bench-{created['id']}"}
        asked = await self._post("billing", f"{path}/top-ups", money)
        await self._post("billing", f"/internal/approvals/{asked['id']}:approve", {}, self._second_token)
        await self._put("gateway", "/v1/callback", {"url": callback_url}, created["api_key"])
        return Tenant(UUID(created["id"]), created["api_key"], shop)

    async def _number(self, path: str, shop: Shop, number: str, waba_id: str) -> None:
        shown = f"+7495{int(number[1:8]) * 100 + int(number[8:]):07d}"
        body = {"phone_number_id": number, "waba_id": waba_id, "display_phone_number": shown,
                "access_token": secrets.token_urlsafe(32), "messages_per_second": shop.per_second}  # fmt: skip
        await self._post("gateway", f"{path}/numbers", body)
        await self._put("sandbox", f"/_sandbox/numbers/{number}", {"waba_id": waba_id, "display_phone_number": shown})

    async def _post(self, service: str, path: str, body: dict[str, Any], token: str = "") -> Any:
        url, token = self._stack.url(service) + path, token or self._token
        return await self._api.call("POST", url, token=token, json=body, patience_seconds=PROPAGATION_SECONDS)

    async def _put(self, service: str, path: str, body: dict[str, Any], token: str = "") -> None:
        url = self._stack.url(service) + path
        await self._api.call("PUT", url, token=token, json=body, patience_seconds=PROPAGATION_SECONDS)
