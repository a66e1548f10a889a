"""Who calls a tenant's route: the API key in `Authorization: Bearer`, and whether it may do this."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from services.gateway.tenants.rate_headers import leave
from services.gateway.tenants.scopes import Scope
from services.gateway.tenants.service import ApiPrincipal, Doorkeeper, Visit

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="apiKey",
    description="The tenant's API key: `vk_live_...`, or `vk_test_...` for the test mode. A revoked key is refused "
    "everywhere within 5 seconds.",
)


def visit_of(request: HTTPConnection) -> Visit:
    """What a request shows at the door; its answer will say what is left of the key's limit."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    client = request.scope.get("client")
    visit = Visit(key.strip() if scheme.lower() == "bearer" else None, client[0] if client else None)
    leave(visit, request.scope)
    return visit


class Requires:
    """The dependency of a route that only keys with this scope may call."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope

    async def __call__(self, request: Request, credentials: Annotated[object, Depends(BEARER)]) -> ApiPrincipal:
        """The tenant of the request; raises Unauthorized, Forbidden, TooManyRequests."""
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        return await doorkeeper.admit(visit_of(request), self.scope)


def requires(scope: Scope) -> Requires:
    return Requires(scope)


MessageReader = Annotated[ApiPrincipal, Depends(requires("messages:read"))]
MessageSender = Annotated[ApiPrincipal, Depends(requires("messages:send"))]
MediaUser = Annotated[ApiPrincipal, Depends(requires("media"))]
AccountReader = Annotated[ApiPrincipal, Depends(requires("account:read"))]
AccountWriter = Annotated[ApiPrincipal, Depends(requires("account:write"))]
CallbackManager = Annotated[ApiPrincipal, Depends(requires("callbacks"))]
KeyManager = Annotated[ApiPrincipal, Depends(requires("keys"))]
