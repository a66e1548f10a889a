"""HTTP in: what tenants record, withdraw and read about their people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.consent.consents import schemas, service
from services.consent.consents.errors import TenantNotKnownYet
from services.kernel.answers import error_response
from services.kernel.http import CallerTenant, Transaction

router = APIRouter(prefix="/v1", tags=["consents"])


@router.post("/consents", status_code=201, response_model=schemas.Given)
async def give(
    giving: schemas.Giving, request: Request, tenant_id: CallerTenant, transaction: Transaction
) -> schemas.Given | Response:
    """Record that a person agreed to a purpose. 409: kept as history, a withdrawal stands."""
    recorded = await service.give(transaction, _person(request, tenant_id, giving), giving.agreement())
    if recorded.refusal is not None:
        return error_response(recorded.refusal)  # returned, not raised: the history is committed
    return schemas.Given(
        id=recorded.id,
        phone=giving.phone,
        bsuid=giving.bsuid,
        purpose=giving.purpose,
        channel=giving.channel,
        given_at=recorded.given_at,
        recorded_at=recorded.recorded_at,
    )


@router.post("/consents:withdraw")
async def withdraw(
    withdrawing: schemas.Withdrawing, request: Request, tenant_id: CallerTenant, transaction: Transaction
) -> schemas.Withdrawn:
    """Take one purpose or everything back; committed before the answer, so that nothing is sent after it."""
    person = _person(request, tenant_id, withdrawing)
    stands = await service.withdraw(transaction, person, purpose=withdrawing.purpose, channel=withdrawing.channel)
    consents = [schemas.state_of(stand) for stand in stands]
    return schemas.Withdrawn(phone=withdrawing.phone, bsuid=withdrawing.bsuid, consents=consents)


@router.get("/consents")
async def read(
    named: Annotated[schemas.Named, Query()], request: Request, tenant_id: CallerTenant, transaction: Transaction
) -> schemas.Listed:
    """Where a person stands with this tenant; an unknown person has an empty list."""
    person = _person(request, tenant_id, named)
    return schemas.listed(await service.read(transaction, tenant_id=person.tenant_id, person=person.index))


def _person(request: Request, tenant_id: UUID, named: schemas.Named) -> service.Person:
    directory = request.app.state.directory
    try:
        index_key, data_key = directory.index_key(tenant_id), directory.data_key(tenant_id)
    except KeyError:
        raise TenantNotKnownYet from None
    return service.person_of(
        tenant_id=tenant_id, phone=named.phone, bsuid=named.bsuid, index_key=index_key, data_key=data_key
    )
