"""A tenant that manages its keys over HTTP."""

from dataclasses import dataclass
from typing import Any

from tests.gateway.stand import Answer, Gateway, Tenant


@dataclass
class Keyholder:
    """A new tenant and its first key."""

    gateway: Gateway
    tenant: Tenant

    async def ask(self, method: str, path: str = "", *, key: str | None = None, **options: Any) -> Answer:
        return await self.gateway.ask(method, f"/v1/api-keys{path}", key=key or self.tenant.api_key, **options)

    async def make(self, *, by: str | None = None, **body: Any) -> dict[str, Any]:
        """A key; what was asked for must be granted."""
        answer = await self.ask("POST", key=by, json={"name": "another"} | body)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json()
        return made

    async def refused(self, status: int, *, by: str | None = None, **body: Any) -> str:
        """Why a key is not made."""
        answer = await self.ask("POST", key=by, json={"name": "another"} | body)
        assert answer.status == status, answer.body
        return str(answer.json()["detail"])

    async def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("GET")).json()["data"]
        return found

    async def first(self) -> dict[str, Any]:
        return (await self.all())[0]

    async def use(self, key: str, path: str = "/v1/callback", **options: Any) -> Answer:
        return await self.gateway.ask("GET", path, key=key, **options)


async def new_keyholder(gateway: Gateway) -> Keyholder:
    return Keyholder(gateway, await gateway.new_tenant())
