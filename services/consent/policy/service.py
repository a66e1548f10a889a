"""Making rules: one person may restrict, whatever may let more go out takes two; versions are only added."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.policy import book, repository, rules
from services.consent.policy.errors import ChangedMeanwhile, RuleNotFound, RuleRefused
from services.consent.policy.rules import Draft, Rule
from services.kernel import clock
from services.kernel.approvals import service as approvals
from services.kernel.approvals.service import Acts, Approval

Book = book.Book
Subject = rules.Subject
Verdict = rules.Verdict

KIND = "policy.rules"  # of approvals; the database knows it too


class Words(NamedTuple):
    """What a rule says to people: the law or the decision behind it, and a note in two languages."""

    citation: str
    note_en: str
    note_ru: str


class Made(NamedTuple):
    """Either the version that counts, or the request that another person has to approve."""

    rule: Any | None
    approval: Approval | None


async def list_rules(connection: AsyncConnection, *, at: datetime, only_in_force: bool) -> list[Any]:
    """The versions in force at a moment, or every version there ever was, by id and version."""
    rows = await repository.listed(connection)
    if not only_in_force:
        return list(rows)
    names = {(rule.id, rule.version) for rule in rules.in_force(await repository.versions(connection), at)}
    return [row for row in rows if (row.id, row.version) in names]


async def words(connection: AsyncConnection, names: Collection[tuple[str, int]]) -> dict[tuple[str, int], Words]:
    """What these versions (id, version) say to people; one that does not exist is missing."""
    rows = await repository.words(connection, names)
    return {(row.id, row.version): Words(row.citation, row.note_en, row.note_ru) for row in rows}


async def propose(connection: AsyncConnection, draft: Draft, *, reason: str, by: str) -> Made:
    """Add a version that only restricts; what may let more go out is asked for, and made when another one approves."""
    now = clock.now()
    earlier = await repository.versions(connection, draft.id)
    if rules.may_let_more_out(_rule(draft, earlier, now), earlier):
        key = f"rule:{draft.id}"
        return Made(None, await ask(connection, [draft], key=key, reason=reason, by=by, tenant_id=draft.tenant_id))
    return Made(await add(connection, draft, by=by), None)


async def end(connection: AsyncConnection, rule_id: str, *, at: datetime | None, reason: str, by: str) -> Made:
    """End a rule from a moment on (now, if none is given); raises RuleNotFound."""
    newest = await repository.newest(connection, rule_id)
    if newest is None:
        raise RuleNotFound("no rule has this id: GET /internal/policy/rules lists them")
    draft = msgspec.structs.replace(
        msgspec.convert(newest._asdict(), Draft),
        note_en=f"ended: {reason}",
        note_ru=f"завершено: {reason}",
        effective_from=at,
        effective_to=None,
        is_end=True,
    )
    return await propose(connection, draft, reason=reason, by=by)


async def ask(
    connection: AsyncConnection,
    drafts: Sequence[Draft],
    *,
    key: str,
    reason: str,
    by: str,
    tenant_id: UUID | None = None,
) -> Approval:
    """Ask another person to agree to these versions."""
    payload = {"rules": msgspec.to_builtins(drafts)}
    return await approvals.request(
        connection, kind=KIND, key=key, payload=payload, reason=reason, requested_by=by, tenant_id=tenant_id
    )


async def add_approved(connection: AsyncConnection, approval: Approval) -> dict[str, Any]:
    """The act of an approval: its versions count from now on, or from their own later date."""
    drafts = msgspec.convert(approval.payload["rules"], list[Draft])
    made = [await add(connection, draft, by=approval.requested_by, approval_id=approval.id) for draft in drafts]
    return {"rules": [f"{row.id}@{row.version}" for row in made]}


ACTS: Acts = {KIND: add_approved}


async def add(connection: AsyncConnection, draft: Draft, *, by: str, approval_id: UUID | None = None) -> Any:
    """Store the next version of a rule; raises RuleRefused where its time is over before it began."""
    now = clock.now()
    earlier = await repository.versions(connection, draft.id)
    rule = _rule(draft, earlier, now)
    if rule.effective_to is not None and rule.effective_to < rule.effective_from:
        raise RuleRefused("effective_to: this moment has passed; ask again with a later one")
    row = await repository.add(connection, draft, rule, made_by=by, made_at=now, approval_id=approval_id)
    if row is None:
        raise ChangedMeanwhile("somebody else changed this rule at the same moment: look at it and try again")
    return row


def _rule(draft: Draft, earlier: Sequence[Rule], now: datetime) -> Rule:
    """The version that a draft would be if it were made now: what has happened is never judged anew."""
    begins = max(draft.effective_from or now, now)
    return Rule(
        id=draft.id,
        version=max((rule.version for rule in earlier), default=0) + 1,
        scope=draft.scope,
        outcome=draft.outcome,
        effective_from=begins,
        effective_to=begins if draft.is_end else draft.effective_to,
        is_final=draft.is_final,
    )
