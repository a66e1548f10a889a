"""The staff API that brings tenants in; every route is for the role staff."""

from uuid import UUID

from fastapi import APIRouter, Request

from services.gateway.onboarding import service
from services.gateway.onboarding.schemas import (
    KeyIn,
    KeyOut,
    NumberIn,
    NumberOut,
    TemplateIn,
    TemplateOut,
    TenantIn,
    TenantOut,
)
from services.gateway.templates import service as templates
from services.gateway.tenants import service as tenants
from services.gateway.twins import service as twins
from services.kernel.http import CallerStaff, Transaction

router = APIRouter(prefix="/internal/tenants", tags=["staff"])


@router.post("", status_code=201)
async def create_tenant(body: TenantIn, staff: CallerStaff, connection: Transaction, request: Request) -> TenantOut:
    """A new tenant; the answer is the only place where its two secrets are shown."""
    new = await service.create_tenant(
        connection,
        request.app.state.keyring,
        name=body.name,
        tenant_class=body.tenant_class,
        zone=body.zone,
        desk=request.app.state.desk,
    )
    return TenantOut(id=new.id, api_key=new.api_key, callback_secret=new.callback_secret)


@router.post("/{tenant_id}/numbers", status_code=201)
async def add_number(
    tenant_id: UUID, body: NumberIn, staff: CallerStaff, connection: Transaction, request: Request
) -> NumberOut:
    """Give the tenant a WhatsApp number; the access token is stored sealed and never shown."""
    mode = await tenants.add_number(connection, request.app.state.keyring, tenant_id=tenant_id, **body.model_dump())
    return NumberOut(phone_number_id=body.phone_number_id, mode=mode)


@router.post("/{tenant_id}/templates", status_code=201)
async def add_template(tenant_id: UUID, body: TemplateIn, staff: CallerStaff, connection: Transaction) -> TemplateOut:
    """Register a template that Meta has approved."""
    await tenants.require_tenant(connection, tenant_id)
    key = templates.TemplateKey(tenant_id, body.waba_id, body.name, body.language)
    template_id = await templates.add_template(
        connection,
        key=key,
        category=body.category,
        components=body.components,
        body_parameters=body.body_parameters,
    )
    await twins.copy_templates(connection, tenant_id)
    return TemplateOut(id=template_id)


@router.post("/{tenant_id}/api-keys", status_code=201)
async def issue_key(
    tenant_id: UUID, body: KeyIn, staff: CallerStaff, connection: Transaction, request: Request
) -> KeyOut:
    """A live key with every scope, for a tenant that has none left; shown this once."""
    issued = await request.app.state.desk.issue(connection, tenant_id, name=body.name)
    return KeyOut(id=issued.row.id, key=issued.api_key)
