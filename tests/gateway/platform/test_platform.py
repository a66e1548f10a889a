"""What Meta says of templates, numbers and accounts is remembered in Meta's order, and told to the tenant once."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.gateway.platform.consumers import EVENTS, said
from services.gateway.templates.service import Catalogue, TemplateKey
from services.kernel.contracts import EVENT_TYPES
from services.kernel.contracts import platform as facts
from services.kernel.db import Database
from services.kernel.kafka.consumer import Received

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WABA, NUMBER, NAME, LANGUAGE = "100200300", "555666777", "order_ready", "ru"

TENANT_SQL = text("insert into tenants (id, name, class, zone) values (:id, 'Orchard', 'standard', 'Europe/Moscow')")
TEMPLATE_SQL = text("""
    insert into templates (id, tenant_id, waba_id, name, language, category, state, body_parameters, components)
    values (:id, :tenant_id, :waba_id, :name, :language, 'utility', 'approved', 0, '[]')
""")
NUMBER_SQL = text("""
    insert into numbers (phone_number_id, tenant_id, waba_id, display_phone_number, access_token, messages_per_second)
    values (:number, :tenant_id, :waba_id, 'x', 'x', 80)
""")
ENDPOINT_SQL = text("""
    insert into callback_endpoints (id, is_first, tenant_id, secret, secret_hint)
    values (:tenant_id, true, :tenant_id, 'x', 'x')
""")
TOLD_SQL = text("select * from callback_facts where tenant_id = :tenant_id order by sequence")


class Stand:
    """A tenant with a template and a number, and what is known about them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant_id = uuid4()

    async def open(self) -> None:
        values = {"tenant_id": self.tenant_id, "waba_id": WABA}
        async with self.database.transaction() as connection:
            await connection.execute(TENANT_SQL, {"id": self.tenant_id})
            await connection.execute(TEMPLATE_SQL, values | {"id": uuid4(), "name": NAME, "language": LANGUAGE})
            await connection.execute(NUMBER_SQL, values | {"number": NUMBER})
            await connection.execute(ENDPOINT_SQL, {"tenant_id": self.tenant_id})

    def fact(self, fact: type[facts.Said], at: datetime = NOON, *, field: str = "a_field", **fields: Any) -> Any:
        template: dict[str, Any] = {"template_id": "1", "name": NAME, "language": LANGUAGE}
        common: dict[str, Any] = {
            "id": uuid4(), "occurred_at": at, "entry_time": at, "tenant_id": self.tenant_id, "waba_id": WABA,
            "field": field, "sealed_value": b"sealed",
        }  # fmt: skip
        named = template if issubclass(fact, facts.SaidOfTemplate) else {}
        return fact(**common, **named, **fields)

    def status(self, status: str, at: datetime = NOON, category: str | None = None) -> Any:
        more = {"status": status, "category": category, "reason": None, "title": None, "disabled_at": None}
        return self.fact(facts.TemplateStatusChanged, at, field="message_template_status_update", **more)

    def category(self, category: str | None, at: datetime = NOON, **more: Any) -> Any:
        fields = {"previous_category": None, "correct_category": None, "changes_at": None, **more}
        return self.fact(facts.TemplateCategoryChanged, at, category=category, **fields)

    async def hears(self, *events: Any) -> None:
        async with self.database.transaction() as connection:
            await said(connection, [Received(event, 0, position) for position, event in enumerate(events)])

    async def row(self, table: str) -> Any:
        async with self.database.transaction() as connection:
            found = await connection.execute(
                text(f"select * from {table} where tenant_id = :tenant_id"),
                {"tenant_id": self.tenant_id},
            )
            return found.one()

    async def standings(self) -> dict[str, Any]:
        async with self.database.transaction() as connection:
            found = await connection.execute(
                text("select aspect, value from waba_standings where tenant_id = :tenant_id"),
                {"tenant_id": self.tenant_id},
            )
            return {row.aspect: row.value for row in found}

    async def told(self) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(TOLD_SQL, {"tenant_id": self.tenant_id}))


@pytest.fixture
async def stand(make_database: Callable[[str], Awaitable[Database]]) -> Stand:
    stand = Stand(await make_database("gateway"))
    await stand.open()
    return stand


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


def test_every_fact_of_the_topic_is_read() -> None:
    assert set(EVENTS) == {event for event in EVENT_TYPES.values() if event.TOPIC is facts.PLATFORM}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PAUSED", "paused"), ("DISABLED", "disabled"), ("REJECTED", "rejected"), ("PENDING", "pending"),
        ("IN_APPEAL", "pending"), ("LIMIT_EXCEEDED", "disabled"), ("ARCHIVED", "disabled"), ("DELETED", "disabled"),
        ("FLAGGED", "approved"), ("PRAISED", "approved"),
    ],
)  # fmt: skip
async def test_a_status_becomes_a_state(stand: Stand, status: str, state: str) -> None:
    await stand.hears(stand.status(status))
    assert (await stand.row("templates")).state == state


async def test_a_template_may_be_sent_exactly_while_meta_allows_it(stand: Stand) -> None:
    key = TemplateKey(stand.tenant_id, WABA, NAME, LANGUAGE)
    for minute, (status, is_sent) in enumerate([("PAUSED", False), ("REINSTATED", True), ("DISABLED", False)]):
        await stand.hears(stand.status(status, minutes(minute)))
        assert (await Catalogue(stand.database).approved(key) is not None) == is_sent


async def test_what_meta_said_earlier_never_overwrites_what_it_said_later(stand: Stand) -> None:
    await stand.hears(stand.status("PAUSED", minutes(5)))
    await stand.hears(stand.status("APPROVED", minutes(3)))
    assert (await stand.row("templates")).state == "paused"
    await stand.hears(stand.status("APPROVED", minutes(9)), stand.status("DISABLED", minutes(7)))
    assert (await stand.row("templates")).state == "approved"
    assert len(await stand.told()) == 4


async def test_a_redelivered_fact_changes_nothing_and_is_told_once(stand: Stand) -> None:
    paused, resumed = stand.status("PAUSED"), stand.status("APPROVED")
    await stand.hears(paused, paused)
    await stand.hears(resumed)
    await stand.hears(paused)
    assert (await stand.row("templates")).state == "approved"
    assert [row.event_id for row in await stand.told()] == [paused.id, resumed.id]


async def test_another_category_is_another_version_and_the_same_one_is_not(stand: Stand) -> None:
    await stand.hears(stand.category("UTILITY", correct_category="MARKETING", changes_at=minutes(60)))
    row = await stand.row("templates")
    assert (row.category, row.version) == ("utility", 1)
    await stand.hears(stand.category("MARKETING", minutes(60), previous_category="UTILITY"))
    await stand.hears(stand.category("UTILITY", minutes(30)))
    row = await stand.row("templates")
    assert (row.category, row.version) == ("marketing", 2)
    await stand.hears(stand.category(None, minutes(70)), stand.category("A_CATEGORY_OF_NEXT_YEAR", minutes(71)))
    assert (await stand.row("templates")).version == 2


async def test_an_approval_in_another_category_changes_it_too(stand: Stand) -> None:
    await stand.hears(stand.status("APPROVED", category="MARKETING"))
    row = await stand.row("templates")
    assert (row.state, row.category, row.version) == ("approved", "marketing", 2)


async def test_quality_and_limits_are_remembered_with_their_time(stand: Stand) -> None:
    await stand.hears(
        stand.fact(facts.TemplateQualityChanged, previous="GREEN", quality="YELLOW"),
        stand.fact(
            facts.NumberQualityChanged, phone_number_id=NUMBER, event="FLAGGED", limit="TIER_2K", previous_limit=None
        ),
        stand.fact(
            facts.NumberQualityChanged,
            minutes(-5), phone_number_id=NUMBER, event="UPGRADE", limit="TIER_10K", previous_limit=None,
        ),
        stand.fact(facts.NumberNameChanged, phone_number_id=NUMBER, decision="APPROVED", reason=None),
    )  # fmt: skip
    template, number = await stand.row("templates"), await stand.row("numbers")
    assert (template.quality, template.quality_at) == ("YELLOW", NOON)
    assert (number.quality_event, number.messaging_limit, number.quality_at) == ("FLAGGED", "TIER_2K", NOON)
    assert number.name_decision == "APPROVED"


async def test_an_accounts_standing_is_remembered_by_aspect_and_its_numbers_stay_active(stand: Stand) -> None:
    ban = facts.Ban(state="DISABLE", at=NOON)
    restriction = facts.Restriction(type="RESTRICTED_BIZ_INITIATED_MESSAGING", expires_at=minutes(600))
    await stand.hears(
        stand.fact(facts.AccountUpdated, event="DISABLED_UPDATE", ban=ban),
        stand.fact(facts.AccountUpdated, event="ACCOUNT_RESTRICTION", restrictions=(restriction,)),
        stand.fact(facts.AccountReviewed, decision="APPROVED"),
        stand.fact(facts.AccountCapabilityChanged, conversations_a_day="TIER_2K", numbers=25),
        stand.fact(facts.AccountUpdated, event="PARTNER_REMOVED"),
    )
    reinstated = facts.Ban(state="REINSTATE", at=NOON)
    await stand.hears(stand.fact(facts.AccountUpdated, minutes(9), event="DISABLED_UPDATE", ban=reinstated))
    await stand.hears(stand.fact(facts.AccountUpdated, minutes(4), event="DISABLED_UPDATE", ban=ban))
    standings = await stand.standings()
    assert standings["ban"]["state"] == "REINSTATE"
    assert [one["type"] for one in standings["restrictions"]["restrictions"]] == [restriction.type]
    assert standings["review"] == {"decision": "APPROVED"}
    assert standings["limits"] == {"conversations_a_day": "TIER_2K", "numbers": 25}
    assert standings["connection"]["event"] == "PARTNER_REMOVED"
    assert (await stand.row("numbers")).state == "active"


async def test_a_fact_about_nothing_that_we_know_is_told_all_the_same(stand: Stand) -> None:
    other = stand.status("PAUSED")
    other = type(other)(**{name: getattr(other, name) for name in other.__struct_fields__} | {"name": "unknown"})
    await stand.hears(other)
    assert (await stand.row("templates")).state == "approved"
    assert len(await stand.told()) == 1


async def test_the_tenant_is_told_metas_own_words_under_metas_own_field(stand: Stand) -> None:
    fact = stand.status("PAUSED")
    await stand.hears(fact)
    [told] = await stand.told()
    assert (told.kind, told.topic, told.phone_number_id) == ("platform", "message_template_status_update", "")
    assert told.event_id == told.subject_id == fact.id
    assert json.loads(told.content) == {
        "field": "message_template_status_update",
        "waba_id": WABA,
        "sealed_value": base64.b64encode(b"sealed").decode(),
        "time": int(NOON.timestamp()),
    }


async def test_a_notice_about_a_person_is_not_told_twice(stand: Stand) -> None:
    alias = facts.Alias(kind="phone", index="a" * 64)
    names: dict[str, Any] = {"phone_number_id": NUMBER, "person": "a" * 64, "previous": alias, "current": alias}
    notice = stand.fact(facts.PersonRenamed, inbound_id=uuid4(), **names)
    by_field = stand.fact(facts.PersonRenamed, inbound_id=None, **names)
    await stand.hears(notice, by_field)
    assert [row.event_id for row in await stand.told()] == [by_field.id]


async def test_another_tenants_template_of_the_same_name_stays_as_it_is(
    stand: Stand, make_database: Callable[[str], Awaitable[Database]]
) -> None:
    other = Stand(stand.database)
    async with stand.database.transaction() as connection:
        await connection.execute(TENANT_SQL, {"id": other.tenant_id})
        values: dict[str, UUID | str] = {"id": uuid4(), "tenant_id": other.tenant_id, "waba_id": WABA}
        await connection.execute(TEMPLATE_SQL, values | {"name": NAME, "language": LANGUAGE})
    await stand.hears(stand.status("DISABLED"))
    assert (await other.row("templates")).state == "approved"
