"""Messages of a tenant of the running gateway, told by facts, and what the tenant reads of them."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from services.kernel import crypto
from services.kernel.contracts import Event
from tests.gateway.messages.stand import Desk, Story
from tests.gateway.stand import Gateway, Tenant


async def told(desk: Desk, tenant: Tenant, *names: str, **more: Any) -> Story:
    """A message of the tenant of which these facts are known."""
    base: dict[str, Any] = {"tenant_id": tenant.id, "phone_number_id": tenant.phone_number_id}
    story = Story(**base | more)
    for name in names:
        fact: Event = story.status(name) if name in ("sent", "delivered", "read") else getattr(story, name)()  # type: ignore[arg-type]
        await desk.tell(fact)
    return story


async def read(gateway: Gateway, tenant: Tenant, id_: object) -> Any:
    answer = await gateway.ask("GET", f"/v1/messages/{id_}", key=tenant.api_key)
    assert answer.status == 200, answer.body
    return answer.json()


async def page(gateway: Gateway, tenant: Tenant, **filters: Any) -> Any:
    """One page; a filter that is a list is repeated."""
    pairs = [
        f"{name.rstrip('_')}={quote(str(one))}"
        for name, value in filters.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    answer = await gateway.ask("GET", "/v1/messages?" + "&".join(pairs), key=tenant.api_key)
    assert answer.status == 200, answer.body
    return answer.json()


async def walk(gateway: Gateway, tenant: Tenant, **filters: Any) -> list[list[str]]:
    """The ids of every page to the end."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        found = await page(gateway, tenant, **filters, **cursor)
        pages.append([message["id"] for message in found["data"]])
        if found["paging"]["next"] is None:
            return pages
        cursor = {"cursor": found["paging"]["next"]}


async def person_of(gateway: Gateway, tenant: Tenant, phone: str) -> str:
    """The blind index under which the tenant's messages to this number stand."""
    return crypto.blind_index(await gateway.app.state.keyring.index_key(tenant.id), "phone", phone)


def id_at(seconds: float, number: int = 0) -> UUID:
    """A message id of a moment since the epoch."""
    return UUID(int=(int(seconds * 1_000) << 80) | (0x7 << 76) | (0x2 << 62) | number)
