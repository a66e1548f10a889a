"""The database keeps the rules: versions are only added, and what allows more has an approval that was given."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.consent.policy import repository, service
from services.consent.policy.book import REFRESH_SECONDS, Book
from services.consent.policy.rules import Draft, Judge, Subject
from services.kernel import clock
from services.kernel.db import Database
from tests.consent.stand import HOUR, NOON
from tests.fixtures.infrastructure import Infrastructure

TENANT = uuid4()
REFUSAL = Draft(
    id="stop-all", category="*", outcome="refuse", citation="order 7", note_en="nothing goes out", note_ru="стоп"
)
COLUMNS: Mapping[str, str] = {
    "id": "'mine'", "version": "1", "tenant_class": "'*'", "category": "'marketing'", "country": "'*'",
    "channel": "'*'", "outcome": "'allow'", "citation": "'none'", "note_en": "'e'", "note_ru": "'r'",
    "effective_from": "now()", "made_by": "'shipped'",
}  # fmt: skip


def insert(**other: str) -> str:
    columns = {**COLUMNS, **other}
    return f"insert into policy_rules ({', '.join(columns)}) values ({', '.join(columns.values())})"


APPROVAL = """
    insert into approvals (id, kind, key, payload, reason, requested_by, requested_at, expires_at)
    values ('019234ab-5d10-7c3e-9f00-2b6f1f0f9a11', 'policy.rules', 'x', '{}', 'r', 'anna', now(),
            now() + interval '1 day')
"""
APPROVED_BY_THE_SAME = """
    update approvals set state = 'approved', decided_by = 'ANNA', decided_at = now(), result = '{}'
"""
WITH_APPROVAL = insert(approval_id="'019234ab-5d10-7c3e-9f00-2b6f1f0f9a11'", made_by="'anna'")


async def carry_out(database: Database, attack: str) -> None:
    async with database.transaction() as connection:
        for statement in attack.split(";"):
            await connection.execute(text(statement))


async def judge(database: Database, at: Any = NOON) -> Judge:
    async with database.transaction() as connection:
        return Judge(await repository.versions(connection), at)


async def test_advertising_is_refused_everywhere_by_the_first_rules(database: Database) -> None:
    shipped = await judge(database)
    for country, rule_id in (
        ("DE", "advertising-forbidden"),
        ("RU", "advertising-to-russia"),
        ("", "advertising-forbidden"),
    ):
        verdict = shipped.judge(Subject(TENANT, "standard", "marketing", country))
        assert (verdict.rule_id, verdict.outcome) == (rule_id, "refuse")
        for category in ("service", "utility", "authentication"):
            assert shipped.judge(Subject(TENANT, "standard", category, country)).outcome == "allow"


@pytest.mark.parametrize("country", ["CU", "IR", "KP", "SY", "VE"])
async def test_nothing_goes_to_a_blocked_country(database: Database, country: str) -> None:
    shipped = await judge(database)
    for category in ("service", "utility", "authentication", "marketing"):
        verdict = shipped.judge(Subject(TENANT, "standard", category, country))
        assert verdict.rule_id == f"country-blocked-{country.lower()}"


@pytest.mark.parametrize("tenant_class", ["state", "finance", "telecom", "marketplace", "large_site"])
async def test_the_classes_of_41_fz_write_nobody_in_russia_and_may_write_elsewhere(
    database: Database, tenant_class: str
) -> None:
    shipped = await judge(database)
    for category in ("service", "utility", "authentication", "marketing"):
        assert shipped.judge(Subject(TENANT, tenant_class, category, "RU")).rule_id.startswith("fz41-")
    assert shipped.judge(Subject(TENANT, tenant_class, "utility", "KZ")).outcome == "allow"
    before = await judge(database, NOON.replace(year=2025, month=5))
    assert before.judge(Subject(TENANT, tenant_class, "utility", "RU")).outcome == "allow"


@pytest.mark.parametrize(
    "attack",
    [
        "delete from policy_rules",
        "update policy_rules set outcome = 'allow'",
        "truncate policy_rules",
        insert(),
        insert(approval_id="gen_random_uuid()"),
        f"{APPROVAL}; {WITH_APPROVAL}",
        insert(outcome="'refuse'", is_final="true", effective_to="now() - interval '1 day'"),
        insert(is_final="true", approval_id="gen_random_uuid()"),
        insert(outcome="'refuse'", citation="' '"),
        insert(outcome="'refuse'", id="'advertising-forbidden'"),
        insert(outcome="'refuse'", id="'advertising-forbidden'", version="2", effective_to="now()"),
        insert(outcome="'refuse'", tenant_id="gen_random_uuid()", tenant_class="'finance'"),
        f"{APPROVAL}; {APPROVED_BY_THE_SAME}",
    ],
)
async def test_the_services_role_cannot_change_rules_or_allow_alone(database: Database, attack: str) -> None:
    with pytest.raises(DBAPIError):
        await carry_out(database, attack)
    assert (await judge(database)).judge(Subject(TENANT, "standard", "marketing", "DE")).outcome == "refuse"


async def test_the_owner_cannot_rewrite_a_rule_either(database: Database, infrastructure: Infrastructure) -> None:
    name = database.engine.url.database
    owner = await asyncpg.connect(infrastructure.owners["consent"].rpartition("/")[0] + f"/{name}")
    for attack in ("update policy_rules set outcome = 'allow'", "delete from policy_rules"):
        with pytest.raises(asyncpg.RestrictViolationError, match="a rule is never changed"):
            await owner.execute(attack)
    await owner.close()


async def test_a_process_hears_of_a_new_version_and_keeps_dates_to_the_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, subject = Book(), Subject(TENANT, "standard", "utility", "DE")
    now = clock.now()
    async with database.transaction() as connection:
        assert (await book.judge(connection, now)).judge(subject).outcome == "allow"
        await service.add(
            connection, msgspec.structs.replace(REFUSAL, is_final=True, effective_from=now + HOUR), by="anna"
        )
        assert (await book.judge(connection, now + 2 * HOUR)).judge(subject).outcome == "allow", "not heard of yet"
        monkeypatch.setattr(book, "_read_at", time.monotonic() - REFRESH_SECONDS - 1)
        assert (await book.judge(connection, now + HOUR - timedelta(microseconds=1))).judge(subject).outcome == "allow"
        assert (await book.judge(connection, now + HOUR)).judge(subject).rule_id == "stop-all"
        assert (await book.judge(connection, now)).judge(subject).outcome == "allow"
