"""All SQL of the policy rules, to which versions are only added."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.policy.rules import Draft, Rule, Scope

# Tens of rows, hundreds after years: versions are added by hand.
_VERSIONS = text("""
    select id, version, tenant_id, tenant_class, category, country, channel, outcome, effective_from, effective_to,
           is_final
      from policy_rules
     where cast(:id as text) is null or id = :id
     order by id, version
""")
_LIST = text("select * from policy_rules order by id, version")
_WORDS = text("""
    select r.id, r.version, r.citation, r.note_en, r.note_ru
      from unnest(cast(:ids as text[]), cast(:versions as int[])) as wanted (id, version)
      join policy_rules r on r.id = wanted.id and r.version = wanted.version
""")
_NEWEST = text("select * from policy_rules where id = :id order by version desc limit 1")
# Two people who add a version of one rule at the same moment: one of them is told so.
_ADD = text("""
    insert into policy_rules
        (id, version, tenant_id, tenant_class, category, country, channel, outcome, is_final, citation, note_en,
         note_ru, effective_from, effective_to, made_by, made_at, approval_id)
    values (:id, :version, :tenant_id, :tenant_class, :category, :country, :channel, :outcome, :is_final, :citation,
            :note_en, :note_ru, :effective_from, :effective_to, :made_by, :made_at, :approval_id)
    on conflict (id, version) do nothing
    returning *
""")


async def versions(connection: AsyncConnection, rule_id: str | None = None) -> list[Rule]:
    """Every version of every rule, or of one; ended ones too."""
    rows = await connection.execute(_VERSIONS, {"id": rule_id})
    return [
        Rule(
            id=row.id,
            version=row.version,
            scope=Scope(row.tenant_id, row.tenant_class, row.category, row.country, row.channel),
            outcome=row.outcome,
            effective_from=row.effective_from,
            effective_to=row.effective_to,
            is_final=row.is_final,
        )
        for row in rows
    ]


async def listed(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Every version with its words, by id and version."""
    return (await connection.execute(_LIST)).all()


async def newest(connection: AsyncConnection, rule_id: str) -> Row[Any] | None:
    return (await connection.execute(_NEWEST, {"id": rule_id})).one_or_none()


async def words(connection: AsyncConnection, names: Iterable[tuple[str, int]]) -> Sequence[Row[Any]]:
    """The citation and notes of these versions (id, version)."""
    pairs = list(names)
    wanted = {"ids": [rule_id for rule_id, _ in pairs], "versions": [version for _, version in pairs]}
    return (await connection.execute(_WORDS, wanted)).all()


async def add(
    connection: AsyncConnection, draft: Draft, rule: Rule, *, made_by: str, made_at: datetime, approval_id: UUID | None
) -> Row[Any] | None:
    """Store the version that a draft became; None when somebody has just stored another one under its number."""
    values = msgspec.structs.asdict(draft) | {
        "version": rule.version,
        "effective_from": rule.effective_from,
        "effective_to": rule.effective_to,
        "made_by": made_by,
        "made_at": made_at,
        "approval_id": approval_id,
    }
    return (await connection.execute(_ADD, values)).one_or_none()
