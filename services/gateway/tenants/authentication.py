"""Who calls a tenant's route: the API key in `Authorization: Bearer`, told by the directory."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.gateway.tenants.service import ApiPrincipal, Directory
from services.kernel.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, scheme_name="apiKey", description="The tenant's API key, `vk_live_...`.")


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> ApiPrincipal:
    """The tenant of the request; Unauthorized (401 problem) for a missing, unknown or revoked key."""
    directory: Directory = request.app.state.directory
    principal = await directory.principal(credentials.credentials) if credentials else None
    if principal is None:
        raise Unauthorized("give a valid API key: Authorization: Bearer vk_live_...")
    return principal


Tenant = Annotated[ApiPrincipal, Depends(authenticate)]
