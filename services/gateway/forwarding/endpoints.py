"""The public routes that other services own: the API key is checked here, everything else there."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.gateway.forwarding import service
from services.gateway.forwarding.service import Forwarded
from services.gateway.tenants.authentication import requires
from services.gateway.tenants.service import ApiPrincipal
from services.kernel.client import Answer

router = APIRouter(tags=["forwarded"])


def _endpoint(route: Forwarded) -> Callable[..., Awaitable[Response]]:
    async def endpoint(tenant: Annotated[ApiPrincipal, Depends(requires(route.scope))], request: Request) -> Response:
        body = await request.body() if route.method == "POST" else None
        clients = request.app.state.internal_clients
        params = dict(request.query_params)
        return _passed_on(await service.forward(clients, route, tenant_id=tenant.tenant_id, params=params, body=body))

    return endpoint


def _passed_on(answer: Answer) -> Response:
    headers = {} if answer.retry_after_seconds is None else {"Retry-After": str(answer.retry_after_seconds)}
    return Response(answer.body, answer.status, headers, answer.content_type)


for _route in service.ROUTES:
    router.add_api_route(
        _route.path, _endpoint(_route), methods=[_route.method], name=f"{_route.method} {_route.path} of {_route.owner}"
    )
