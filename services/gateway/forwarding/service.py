"""Which public routes other services own, and the call that passes a request on to its owner."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from uuid import UUID

from services.gateway.tenants.service import Scope
from services.kernel.client import Answer, InternalClient

Method = Literal["GET", "POST"]


class Forwarded(NamedTuple):
    """A route that its owner serves under the same path to tokens of the role tenant."""

    method: Method
    path: str
    owner: str
    scope: Scope


# Only what stands here leaves the gateway.
ROUTES = (
    Forwarded("POST", "/v1/consents", "consent", "consents"),
    Forwarded("GET", "/v1/consents", "consent", "consents"),
    Forwarded("POST", "/v1/consents:withdraw", "consent", "consents"),
    Forwarded("GET", "/v1/billing/balance", "billing", "billing"),
    Forwarded("GET", "/v1/billing/charges", "billing", "billing"),
    Forwarded("GET", "/v1/billing/usage", "billing", "billing"),
)


async def forward(
    clients: Mapping[str, InternalClient],
    route: Forwarded,
    *,
    tenant_id: UUID,
    params: dict[str, str],
    body: bytes | None,
) -> Answer:
    """The owner's answer as it is; Unavailable when the owner is down."""
    return await clients[route.owner].exchange(
        route.method, route.path, body=body, params=params, role="tenant", tenant_id=tenant_id
    )
