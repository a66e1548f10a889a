"""Policy rules are dated data: the narrowest one in force speaks, and where none speaks nothing goes out."""

from datetime import datetime, timedelta
from typing import Literal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.consent.policy import service
from services.consent.policy.service import NO_RULE, Rule, Subject
from services.kernel.db import Database
from tests.consent.stand import NOON

SUBJECT = Subject("standard", "marketing", "RU")


def rule(
    name: str,
    outcome: Literal["allow", "refuse"],
    scope: Subject,
    *,
    valid_from: datetime = NOON,
    version: int = 1,
) -> Rule:
    return Rule(id=name, version=version, scope=scope, outcome=outcome, valid_from=valid_from)


def test_without_a_rule_nothing_goes_out() -> None:
    assert service.judge([], SUBJECT) == NO_RULE
    assert service.judge([rule("uk", "allow", Subject("*", "marketing", "GB"))], SUBJECT) == NO_RULE


def test_the_narrower_rule_speaks() -> None:
    rules = [
        rule("all", "refuse", Subject("*", "marketing", "*")),
        rule("here", "allow", Subject("standard", "marketing", "RU")),
        rule("country", "refuse", Subject("*", "marketing", "RU")),
    ]
    assert service.judge(rules, SUBJECT) == ("here", 1, "allow")
    assert service.judge(rules, Subject("other", "marketing", "RU")) == ("country", 1, "refuse")
    assert service.judge(rules, Subject("other", "marketing", "DE")) == ("all", 1, "refuse")


def test_among_equals_the_newest_speaks_and_then_the_refusing_one() -> None:
    scope = Subject("*", "marketing", "*")
    older = rule("older", "allow", scope, valid_from=NOON - timedelta(days=1))
    assert service.judge([older, rule("newer", "refuse", scope)], SUBJECT).rule_id == "newer"
    assert service.judge([rule("a", "allow", scope, version=9), rule("b", "refuse", scope)], SUBJECT).rule_id == "b"


async def test_advertising_is_refused_everywhere_by_the_first_rules(database: Database) -> None:
    async with database.transaction() as connection:
        rules = await service.rules(connection, NOON)
    for country in ("RU", "DE", "US", "001", ""):
        assert service.judge(rules, Subject("standard", "marketing", country)).rule_id == "advertising-forbidden"
        for category in ("service", "utility", "authentication"):
            assert service.judge(rules, Subject("standard", category, country)).outcome == "allow"


async def test_the_service_cannot_change_the_rules(database: Database) -> None:
    for attack in ("delete from policy_rules", "update policy_rules set outcome = 'allow'"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.transaction() as connection:
                await connection.execute(text(attack))
