"""What tests of reads ask, and the answers that must be the same for everybody."""

import secrets
from typing import Any
from uuid import uuid4

from tests.gateway.stand import WABA_ID, Answer, Gateway, Tenant


async def get(gateway: Gateway, tenant: Tenant, path: str) -> Answer:
    return await gateway.ask("GET", f"/v23.0/{path}", key=tenant.api_key)


async def good(gateway: Gateway, tenant: Tenant, path: str) -> Any:
    answer = await get(gateway, tenant, path)
    assert answer.status == 200, answer.body
    return answer.json()


async def add_number(gateway: Gateway, tenant: Tenant, *, waba_id: str = WABA_ID) -> str:
    """One more number of the tenant."""
    number = {
        "phone_number_id": str(uuid4().int)[:15],
        "waba_id": waba_id,
        "display_phone_number": f"+7495{secrets.randbelow(10**7):07}",
        "access_token": f"EAA{secrets.token_hex(16)}",
    }
    answer = await gateway.staff(f"/internal/tenants/{tenant.id}/numbers", number)
    assert answer.status == 201, answer.body
    return number["phone_number_id"]


async def add_template(gateway: Gateway, tenant: Tenant, name: str, **more: Any) -> str:
    """One more template of the tenant; its id."""
    body = {"waba_id": WABA_ID, "name": name, "language": "ru", "category": "UTILITY"}
    components = [{"type": "BODY", "text": "Заказ {{1}} готов"}]
    answer = await gateway.staff(f"/internal/tenants/{tenant.id}/templates", body | {"components": components} | more)
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


def refusal(answer: Answer) -> tuple[int, dict[str, Any]]:
    return answer.status, answer.error
