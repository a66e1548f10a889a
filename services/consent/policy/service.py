"""Choosing the one rule that speaks about a message; the rules themselves are dated rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.policy import repository

ANY = "*"
CHANNEL = "whatsapp"


class Subject(NamedTuple):
    """What a rule may speak about."""

    tenant_class: str
    category: str
    country: str
    channel: str = CHANNEL


class Verdict(NamedTuple):
    """Which rule spoke, and what it said."""

    rule_id: str
    version: int
    outcome: Literal["allow", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A dated rule; '*' matches everything. `scope` is what it speaks about."""

    id: str
    version: int
    scope: Subject
    outcome: Literal["allow", "refuse"]
    valid_from: datetime


#: Where no rule speaks, nothing goes out.
NO_RULE = Verdict("no-rule", 0, "refuse")


async def rules(connection: AsyncConnection, at: datetime) -> list[Rule]:
    """The rules in force at a moment."""
    return [
        Rule(
            id=row.id,
            version=row.version,
            scope=Subject(row.tenant_class, row.category, row.country, row.channel),
            outcome=row.outcome,
            valid_from=row.valid_from,
        )
        for row in await repository.valid(connection, at)
    ]


def judge(rules: Sequence[Rule], subject: Subject) -> Verdict:
    """The word of the narrowest matching rule; among equals the newest, then the refusing one."""
    matching = [rule for rule in rules if _matches(rule.scope, subject)]
    if not matching:
        return NO_RULE
    rule = max(matching, key=_weight)
    return Verdict(rule.id, rule.version, rule.outcome)


def _matches(scope: Subject, subject: Subject) -> bool:
    return all(wanted in (ANY, found) for wanted, found in zip(scope, subject, strict=True))


def _weight(rule: Rule) -> tuple[int, datetime, bool, int]:
    narrowness = sum(part != ANY for part in rule.scope)
    return narrowness, rule.valid_from, rule.outcome == "refuse", rule.version
