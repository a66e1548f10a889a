"""Telling the gateway what was decided about a message, or what would be, with the trace in words."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import repository, service, words
from services.consent.clearance.decisions import Case, Decision
from services.consent.clearance.errors import DecisionNotFound
from services.consent.clearance.words import Step
from services.consent.policy import service as policy
from services.kernel import clock
from services.kernel.contracts.messages import Category, Kind
from services.kernel.identifiers import uuid7


class Explained(NamedTuple):
    """A decision with its trace in words."""

    decision: Decision
    steps: list[Step]


async def explain(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Explained:
    """What was decided about a message, and why it was stopped later if it was; raises DecisionNotFound."""
    found = await repository.decided(connection, [(tenant_id, message_id)])
    if not found:
        raise DecisionNotFound("nothing was decided about this message yet, or there is no such message")
    stop = await repository.stop(connection, tenant_id=tenant_id, message_id=message_id)
    rules = [found[0], *([] if stop is None else [stop])]
    said = await policy.words(connection, {(row.rule_id, row.rule_version) for row in rules})
    steps = words.steps_of(found[0], said.get((found[0].rule_id, found[0].rule_version)))
    if stop is not None:
        steps.append(words.stop_of(stop, said.get((stop.rule_id, stop.rule_version))))
    return Explained(found[0], steps)


async def check(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    phone_number_id: str,
    person: str,
    kind: Kind,
    category: Category,
    country: str,
    book: policy.Book,
    class_of: service.ClassOf,
) -> Explained:
    """What would be decided about such a message now; nothing is kept."""
    case = Case(
        tenant_id=tenant_id,
        message_id=uuid7(),
        person=person,
        phone_number_id=phone_number_id,
        kind=kind,
        category=category,
        country=country,
        expires_at=clock.now(),
    )
    (decision,) = await service.judge(connection, [case], book=book, class_of=class_of)
    said = await policy.words(connection, [(decision.rule_id, decision.rule_version)])
    return Explained(decision, words.steps_of(decision, said.get((decision.rule_id, decision.rule_version))))
