"""Advertising of one tenant: asked for by one person of the operator, enabled by another, taken back by any."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.policy import service
from services.consent.policy.rules import ANY, Draft
from services.kernel import clock
from services.kernel.approvals import service as approvals
from services.kernel.approvals.service import Approval

CATEGORY = "marketing"


class Standing(NamedTuple):
    """The rules that allow a tenant advertising now, and the requests that wait for a second person."""

    rules: list[Any]
    approvals: Sequence[Approval]


async def stand(connection: AsyncConnection, tenant_id: UUID) -> Standing:
    """Where a tenant stands; without rules it may not advertise."""
    in_force = await service.list_rules(connection, at=clock.now(), only_in_force=True)
    allowing = [rule for rule in in_force if _allows(rule, tenant_id)]
    return Standing(allowing, await approvals.list_open(connection, kind=service.KIND, tenant_id=tenant_id))


async def ask(
    connection: AsyncConnection,
    tenant_id: UUID,
    *,
    countries: Sequence[str],
    legal_basis: str,
    effective_to: datetime | None,
    by: str,
) -> Approval:
    """Ask that a tenant may advertise to these countries; '*' means all that no rule of their own closes, so not RU.

    A repeat answers the open request.
    """
    drafts = [_draft(tenant_id, country, legal_basis, effective_to) for country in sorted(set(countries))]
    key = f"advertising:{tenant_id}"
    return await service.ask(connection, drafts, key=key, reason=legal_basis, by=by, tenant_id=tenant_id)


async def revoke(connection: AsyncConnection, tenant_id: UUID, *, reason: str, by: str) -> Standing:
    """From now on a tenant may not advertise, wherever it might or was to be allowed; one person suffices.

    What was enabled becomes a refusal of the same rule, so that traces say why; open requests are refused with it.
    """
    now = clock.now()
    versions = await service.list_rules(connection, at=now, only_in_force=False)
    enabled = {rule.id: rule for rule in versions if _allows(rule, tenant_id)}
    newest = {rule.id: rule for rule in versions}
    for rule_id, rule in enabled.items():
        if newest[rule_id].outcome == "allow" or newest[rule_id].effective_from > now:
            await service.add(connection, _taken_back(rule, reason), by=by)
    for approval in await approvals.list_open(connection, kind=service.KIND, tenant_id=tenant_id):
        await approvals.refuse(connection, approval.id, refused_by=by, reason=reason)
    return await stand(connection, tenant_id)


def _allows(rule: Any, tenant_id: UUID) -> bool:
    return rule.tenant_id == tenant_id and rule.category in (CATEGORY, ANY) and rule.outcome == "allow"


def _draft(tenant_id: UUID, country: str, legal_basis: str, effective_to: datetime | None) -> Draft:
    named, to = ("", "") if country == ANY else (f"-{country.lower()}", f" ({country})")
    return Draft(
        id=f"advertising-{tenant_id}{named}",
        tenant_id=tenant_id,
        category=CATEGORY,
        country=country,
        outcome="allow",
        citation=legal_basis,
        note_en=f"two people of the operator enabled advertising of this tenant{to}",
        note_ru=f"реклама этому клиенту разрешена двумя сотрудниками оператора{to}",
        effective_to=effective_to,
    )


def _taken_back(rule: Any, reason: str) -> Draft:
    return Draft(
        id=rule.id,
        tenant_id=rule.tenant_id,
        category=rule.category,
        country=rule.country,
        channel=rule.channel,
        outcome="refuse",
        citation=rule.citation,
        note_en=f"advertising of this tenant was taken back: {reason}",
        note_ru=f"разрешение на рекламу отозвано: {reason}",
    )
