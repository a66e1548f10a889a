"""Who calls a tenant's route: the API key in `Authorization: Bearer`, and whether it may do this."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.types import Scope as RequestScope

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
    visit = _visit(request.headers.get("authorization", ""), request.scope)
    leave(visit, request.scope)
    return visit


def visit_of_headers(first_values: Mapping[bytes, bytes], scope: RequestScope) -> Visit:
    """The same at a hot door, which adds `rate_headers.headers_of(visit)` to its answer itself."""
    return _visit(first_values.get(b"authorization", b"").decode("latin-1"), scope)


def _visit(authorization: str, scope: RequestScope) -> Visit:
    scheme, _, key = authorization.partition(" ")
    client = scope.get("client")
    return Visit(key.strip() if scheme.lower() == "bearer" else None, client[0] if client else None)


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
ConsentKeeper = Annotated[ApiPrincipal, Depends(requires("consents"))]
