"""Decisions about credit: a limit is asked for by one person and set when another one approves it."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.credit import repository
from services.billing.credit.errors import BelowUse
from services.billing.ledger import service as ledger
from services.billing.ledger.errors import WrongCurrency
from services.billing.rating import service as rating
from services.kernel import clock
from services.kernel.approvals import service as approvals
from services.kernel.approvals.service import Approval
from services.kernel.money import text_of

KIND = "credit_limit"  # as the database names it (set_credit_limit)
LIST_MAX = 100

Limit = repository.Limit


async def request(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    limit_micros: int,
    currency: str,
    even_below_use: bool,
    reason: str,
    requested_by: str,
) -> Approval:
    """Ask for a limit, one at a time for each tenant. Raises WrongCurrency, and BelowUse unless `even_below_use`."""
    card = await rating.card_in_force(connection, clock.now())
    if currency != card.currency:
        raise WrongCurrency(f"currency: wallets are in {card.currency}")
    if not even_below_use:
        await _check_use(connection, tenant_id, limit_micros)
    return await approvals.request(
        connection,
        kind=KIND,
        key=str(tenant_id),
        tenant_id=tenant_id,
        payload={"limit_micros": limit_micros, "currency": currency, "even_below_use": even_below_use},
        reason=reason,
        requested_by=requested_by,
    )


async def set_limit(connection: AsyncConnection, approval: Approval) -> dict[str, Any]:
    """The act: what was approved is the limit from now on. Raises BelowUse."""
    assert approval.tenant_id is not None
    asked = approval.payload
    await ledger.lock_wallets(connection, [approval.tenant_id], asked["currency"])
    if not asked["even_below_use"]:
        await _check_use(connection, approval.tenant_id, asked["limit_micros"])
    await repository.set_limit(connection, approval.id, clock.now())
    return {"limit_micros": asked["limit_micros"], "currency": asked["currency"]}


async def list_limits(connection: AsyncConnection, tenant_id: UUID) -> list[Limit]:
    """What was set for a tenant, the latest first; before the first one its limit is zero."""
    return await repository.list_limits(connection, tenant_id, LIST_MAX)


async def _check_use(connection: AsyncConnection, tenant_id: UUID, limit_micros: int) -> None:
    balance = await ledger.get_balance(connection, tenant_id)
    used = -balance.wallet_micros
    if used > limit_micros:
        raise BelowUse(
            f"amount: {text_of(used)} {balance.currency} of credit are in use; a lower limit stops all paid sending: "
            "say even_below_use, or take at least that"
        )
