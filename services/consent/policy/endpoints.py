"""HTTP in: staff read rules, add versions, and ask for, approve or take back the advertising of a tenant."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from services.consent.policy import advertising, schemas, service
from services.consent.policy.errors import UnknownTenant
from services.kernel import clock
from services.kernel.approvals import endpoints as approvals
from services.kernel.approvals.schemas import ApprovalAnswer, answer_of
from services.kernel.http import CallerStaff, Transaction

router = APIRouter(prefix="/internal", tags=["policy"])
approvals_router = approvals.router(service.ACTS)


@router.get("/policy/rules")
async def list_rules(
    asked: Annotated[schemas.RulesAsked, Query()], caller: CallerStaff, transaction: Transaction
) -> schemas.Rules:
    """The rules in force now or at a moment, or with `all` every version."""
    rows = await service.list_rules(transaction, at=asked.at or clock.now(), only_in_force=not asked.all)
    return schemas.Rules(data=[schemas.rule_out(row) for row in rows])


@router.post("/policy/rules", status_code=status.HTTP_201_CREATED)
async def add_rule(
    rule: schemas.RuleIn, request: Request, response: Response, caller: CallerStaff, transaction: Transaction
) -> schemas.Made:
    """Add a version. 201: it counts; 202: it may let more go out, and waits for a second person."""
    if rule.tenant_id is not None:
        _require(request, rule.tenant_id)
    made = await service.propose(transaction, rule.draft(), reason=rule.citation, by=caller.subject)
    return _made(made, response)


@router.post("/policy/rules/{rule_id}:end", status_code=status.HTTP_201_CREATED)
async def end_rule(
    rule_id: schemas.RuleId, ending: schemas.EndIn, response: Response, caller: CallerStaff, transaction: Transaction
) -> schemas.Made:
    """End a rule. 201: it ends; 202: what it refused could go out then, so a second person decides."""
    made = await service.end(transaction, rule_id, at=ending.at, reason=ending.reason, by=caller.subject)
    return _made(made, response)


@router.get("/tenants/{tenant_id}/advertising")
async def read_advertising(
    tenant_id: UUID, request: Request, caller: CallerStaff, transaction: Transaction
) -> schemas.Advertising:
    """Where this tenant may advertise, and what waits for a second person."""
    _require(request, tenant_id)
    return _advertising(tenant_id, await advertising.stand(transaction, tenant_id))


@router.post("/tenants/{tenant_id}/advertising", status_code=status.HTTP_202_ACCEPTED)
async def ask_for_advertising(
    tenant_id: UUID,
    asked: schemas.AdvertisingIn,
    request: Request,
    caller: CallerStaff,
    transaction: Transaction,
) -> ApprovalAnswer:
    """Ask that this tenant may advertise; POST /internal/approvals/{id}:approve by another person enables it."""
    _require(request, tenant_id)
    approval = await advertising.ask(
        transaction,
        tenant_id,
        countries=asked.countries,
        legal_basis=asked.legal_basis,
        effective_to=asked.effective_to,
        by=caller.subject,
    )
    return answer_of(approval)


@router.post("/tenants/{tenant_id}/advertising:revoke")
async def revoke_advertising(
    tenant_id: UUID, revoking: schemas.RevokeIn, request: Request, caller: CallerStaff, transaction: Transaction
) -> schemas.Advertising:
    """Take it back at once; also what was cleared and not yet sent is stopped."""
    _require(request, tenant_id)
    standing = await advertising.revoke(transaction, tenant_id, reason=revoking.reason, by=caller.subject)
    return _advertising(tenant_id, standing)


def _require(request: Request, tenant_id: UUID) -> None:
    if request.app.state.directory.tenant(tenant_id) is None:
        raise UnknownTenant("tenant_id: there is no such tenant")


def _made(made: service.Made, response: Response) -> schemas.Made:
    if made.approval is not None:
        response.status_code = status.HTTP_202_ACCEPTED
    return schemas.Made(
        rule=None if made.rule is None else schemas.rule_out(made.rule),
        approval=None if made.approval is None else answer_of(made.approval),
    )


def _advertising(tenant_id: UUID, standing: advertising.Standing) -> schemas.Advertising:
    return schemas.Advertising(
        tenant_id=tenant_id,
        is_enabled=bool(standing.rules),
        countries=[rule.country for rule in standing.rules],
        rules=[schemas.rule_out(row) for row in standing.rules],
        approvals=[answer_of(approval) for approval in standing.approvals],
    )
