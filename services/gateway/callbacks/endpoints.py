"""`/v1/callback`: a tenant says where it wants to be called."""

from fastapi import APIRouter, Request

from services.gateway.callbacks import service
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.schemas import CallbackIn, CallbackOut
from services.gateway.tenants.authentication import Tenant
from services.kernel.http import Transaction

router = APIRouter(tags=["callbacks"])


@router.put("/v1/callback")
async def put_callback(body: CallbackIn, tenant: Tenant, connection: Transaction, request: Request) -> CallbackOut:
    allow_loopback: bool = request.app.state.settings.callbacks.allow_loopback
    return _shown(await service.set_url(connection, tenant.tenant_id, body.url, allow_loopback=allow_loopback))


@router.get("/v1/callback")
async def get_callback(tenant: Tenant, connection: Transaction) -> CallbackOut:
    return _shown(await service.endpoint(connection, tenant.tenant_id))


def _shown(row: EndpointRow) -> CallbackOut:
    state = "unset" if row.url is None else "active" if row.disabled_at is None else "disabled"
    return CallbackOut(url=row.url, state=state, secret_hint=row.secret_hint)
