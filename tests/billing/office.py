"""People of the house who move money by hand: each call is signed in one person's name."""

from typing import Any, Literal
from uuid import UUID

import msgspec

from services.kernel.client import Answer, InternalClient


class Office:
    """Ann asks and Bob approves, unless a test says otherwise."""

    def __init__(self, staff: InternalClient) -> None:
        self._staff = staff

    async def call(
        self, method: Literal["GET", "POST", "PUT"], path: str, body: Any = None, *, by: str = "ann", **params: str
    ) -> Answer:
        content = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._staff.exchange(method, path, body=content, params=params or None, role="staff", subject=by)

    async def approve(self, approval_id: str, *, by: str = "bob") -> Answer:
        return await self.call("POST", f"/internal/approvals/{approval_id}:approve", by=by)

    async def refuse(self, approval_id: str, *, by: str = "bob") -> Answer:
        return await self.call("POST", f"/internal/approvals/{approval_id}:refuse", {"reason": "no"}, by=by)

    async def waiting(self, **filters: str) -> list[dict[str, Any]]:
        """What waits for a second person."""
        answer = await self.call("GET", "/internal/approvals", **filters)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    async def ask_card(self, card: Any, effective_from: str | None = None, **more: Any) -> Answer:
        body = {"card": card, "reason": "prices of the new year"} | more
        return await self.call(
            "POST",
            "/internal/rate-cards",
            body if effective_from is None else body | {"effective_from": effective_from},
        )

    async def ask_limit(self, tenant_id: UUID, amount: str, *, by: str = "ann", **more: Any) -> Answer:
        body = {"amount": amount, "currency": "RUB", "reason": "a known customer"} | more
        return await self.call("PUT", f"/internal/tenants/{tenant_id}/credit-limit", body, by=by)

    async def set_limit(self, tenant_id: UUID, amount: str, **more: Any) -> None:
        asked = await self.ask_limit(tenant_id, amount, **more)
        assert asked.status == 202, asked.body
        approved = await self.approve(asked.json()["id"])
        assert approved.status == 200, approved.body

    async def top_up(self, tenant_id: UUID, amount: str, *, by: str = "ann", **more: Any) -> Answer:
        body = {"amount": amount, "currency": "RUB", "reference": "payment 1"} | more
        return await self.call("POST", f"/internal/tenants/{tenant_id}/top-ups", body, by=by)
