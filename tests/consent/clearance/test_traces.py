"""Whoever asks later why a message went or did not go reads it in words, in English and in Russian."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text

from services.kernel import clock
from services.kernel.db import Database
from tests.consent.clearance.test_question import ask
from tests.consent.conftest import Api
from tests.consent.stand import HOUR, NOON, NUMBER, PHONE, Consent, Tenant, accepted, inbound

CHECKS = "/internal/checks"


async def trace_of(api: Api, tenant: Tenant, message: Any) -> Any:
    answer = await api.get(f"/internal/tenants/{tenant.id}/decisions/{message.message_id}")
    assert answer.status == 200, answer.body
    return answer.json()


async def decided(api: Api, consent: Consent, tenant: Tenant, **message: Any) -> Any:
    one = accepted(tenant.id, tenant.person(), **message)
    with clock.frozen(NOON):
        await consent.accepts(one)
    return await trace_of(api, tenant, one)


async def give(api: Api, tenant: Tenant, purpose: str = "service", source: str = "own_form") -> None:
    evidence = {"source": source, "text": "yes", "given_at": (NOON - 100 * HOUR).isoformat()}
    body = msgspec.json.encode({"phone": PHONE, "purpose": purpose, "evidence": evidence})
    assert (await api.post("/v1/consents", body, tenant_id=tenant.id)).status == 201


async def check(api: Api, tenant: Tenant, *, person: str | None = None, **asked: Any) -> Any:
    body = {
        "tenant_id": str(tenant.id),
        "phone_number_id": NUMBER,
        "person": person or tenant.person(),
        "kind": "template",
        "category": "utility",
        "country": "RU",
        **asked,
    }
    return await api.post(CHECKS, msgspec.json.encode(body))


async def test_an_allowed_template_names_the_rule_and_the_consent(api: Api, consent: Consent, tenant: Tenant) -> None:
    await give(api, tenant)
    said = await decided(api, consent, tenant)
    assert (said["outcome"], said["decided_at"]) == ("cleared", "2026-11-22T12:00:00Z")
    policy, ground = said["trace"]
    assert policy["text"] == (
        "Allowed: messages about something that the person ordered may go out "
        "(rule utility-allowed@1, operator's default)."
    )
    assert policy["facts"] | {"citation": ""} == {
        "policy_rule_id": "utility-allowed",
        "tenant_class": "standard",
        "category": "utility",
        "country": "RU",
        "citation": "",
    }
    assert (ground["rule"], ground["outcome"], ground["facts"]["state"]) == ("consent", "allow", "given")
    record = ground["facts"]["consent_id"]
    assert ground["text"] == (
        f"Allowed: consent to service messages given 2026-11-18 08:00:00 UTC by own_form (record {record})."
    )
    assert ground["text_ru"] == (
        f"Разрешено: согласие на сервисные сообщения дано 2026-11-18 08:00:00 UTC через own_form (запись {record})."
    )


async def test_refused_advertising_names_the_rule_and_the_law(api: Api, consent: Consent, tenant: Tenant) -> None:
    await give(api, tenant, "marketing")
    said = await decided(api, consent, tenant, category="marketing")
    assert said["outcome"] == "refused"
    (policy,) = said["trace"]
    assert (policy["rule"], policy["version"], policy["outcome"]) == ("policy", 1, "refuse")
    assert policy["text"].startswith("Refused: advertising to Russia is restricted")
    assert "(rule advertising-to-russia@1, 38-FZ art. 5 p. 10.7" in policy["text"]
    assert policy["text_ru"].startswith("Отказано: реклама в Россию")


async def test_without_a_rule_the_trace_says_that_nobody_spoke(
    api: Api, consent: Consent, tenant: Tenant, database: Database
) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(END_OF_UTILITY))
    (policy,) = (await decided(api, consent, tenant))["trace"]
    assert (policy["facts"]["policy_rule_id"], policy["version"]) == ("no-rule", 0)
    assert policy["text"].startswith("Refused: no rule of the policy speaks about this kind of message")


END_OF_UTILITY = """
    insert into policy_rules (id, version, tenant_class, category, country, channel, outcome, citation, note_en,
                              note_ru, effective_from, effective_to, made_by)
    values ('utility-allowed', 2, '*', 'utility', '*', 'whatsapp', 'allow', 'test', 'e', 'r', '2026-01-01',
            '2026-01-01', 'anna')
"""


async def test_without_a_consent_the_trace_says_so(api: Api, consent: Consent, tenant: Tenant) -> None:
    ground = (await decided(api, consent, tenant))["trace"][1]
    assert ground["text"] == "Refused: nobody ever recorded that this person agreed to service messages."
    assert ground["text_ru"] == "Отказано: нет записи о том, что человек согласился на сервисные сообщения."


async def test_after_a_stop_the_trace_says_when_and_how_the_person_withdrew(
    api: Api, consent: Consent, tenant: Tenant
) -> None:
    await give(api, tenant)
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR, "stop"))
    template = (await decided(api, consent, tenant))["trace"][1]
    assert template["text"] == (
        "Refused: consent to service messages was withdrawn at 2026-11-22 11:00:00 UTC, the person's STOP."
    )
    assert template["text_ru"].endswith("отозвано 2026-11-22 11:00:00 UTC, человек написал СТОП.")
    reply = (await decided(api, consent, tenant, kind="text"))["trace"][1]
    assert reply["text"] == "Refused: the person withdrew at 2026-11-22 11:00:00 UTC and has not written since."


async def test_a_reply_names_the_window(api: Api, consent: Consent, tenant: Tenant) -> None:
    never = (await decided(api, consent, tenant, kind="text"))["trace"][1]
    assert never["text"].startswith("Refused: the person never wrote to this number")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 30 * HOUR))
    closed = (await decided(api, consent, tenant, kind="text"))["trace"][1]
    assert closed["text"] == (
        "Refused: the person last wrote at 2026-11-21 06:00:00 UTC, "
        "and the window closed at 2026-11-22 06:00:00 UTC: send a template."
    )
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    opened = (await decided(api, consent, tenant, kind="text"))["trace"][1]
    assert opened["text"] == (
        "Allowed: the person wrote at 2026-11-22 11:00:00 UTC, and the window is open until 2026-11-23 11:00:00 UTC."
    )
    assert opened["text_ru"] == (
        "Разрешено: человек написал 2026-11-22 11:00:00 UTC, окно открыто до 2026-11-23 11:00:00 UTC."
    )


async def test_a_stop_right_before_the_call_is_one_more_step(
    watched_api: Api, consent: Consent, tenant: Tenant
) -> None:
    await give(watched_api, tenant)
    message = accepted(tenant.id, tenant.person(), expires_at=clock.now() + 24 * HOUR)
    await consent.accepts(message)
    withdrawn = msgspec.json.encode({"phone": PHONE})
    assert (await watched_api.post("/v1/consents:withdraw", withdrawn, tenant_id=tenant.id)).status == 200
    for _ in range(2):
        assert await ask(watched_api, message) == [("stop", 131050, "withdrawn")]
    said = await trace_of(watched_api, tenant, message)
    assert (said["outcome"], len(said["trace"])) == ("cleared", 3)
    last = said["trace"][2]
    assert (last["rule"], last["outcome"], last["facts"]["state"]) == ("consent", "refuse", "withdrawn")
    assert last["text"].startswith("Stopped right before its call, at 20")
    assert "consent to service messages was withdrawn at" in last["text"]
    assert last["text_ru"].startswith("Остановлено перед самой отправкой")


async def test_a_rule_made_after_the_clearance_stops_the_call(
    watched_api: Api, consent: Consent, tenant: Tenant, database: Database
) -> None:
    await give(watched_api, tenant)
    message = accepted(tenant.id, tenant.person(), expires_at=clock.now() + 24 * HOUR)
    await consent.accepts(message)
    async with database.transaction() as connection:
        await connection.execute(text(END_OF_UTILITY))
    assert await ask(watched_api, message) == [("stop", 130497, "policy")]
    last = (await trace_of(watched_api, tenant, message))["trace"][2]
    assert (last["rule"], last["facts"]["policy_rule_id"]) == ("policy", "no-rule")


async def test_a_decision_of_another_tenant_is_as_one_that_does_not_exist(
    api: Api, consent: Consent, tenant: Tenant, other_tenant: Tenant
) -> None:
    message = accepted(tenant.id, tenant.person())
    with clock.frozen(NOON):
        await consent.accepts(message)
    foreign = await api.get(f"/internal/tenants/{other_tenant.id}/decisions/{message.message_id}")
    missing = await api.get(f"/internal/tenants/{tenant.id}/decisions/{uuid4()}")
    assert (foreign.status, foreign.json()) == (404, missing.json())


async def test_a_check_says_what_would_be_decided_and_keeps_nothing(
    api: Api, consent: Consent, tenant: Tenant, database: Database
) -> None:
    refused = (await check(api, tenant)).json()
    assert (refused["outcome"], refused["code"], refused["reason"]) == ("refused", 131050, "no_consent")
    assert [step["rule"] for step in refused["trace"]] == ["policy", "consent"]
    await give(api, tenant)
    await consent.hears(inbound(tenant.id, tenant.person(), clock.now() - HOUR))
    cleared = (await check(api, tenant)).json()
    assert (cleared["outcome"], cleared["code"], cleared["policy"]) == ("cleared", None, "utility-allowed@1")
    assert cleared["window_expires_at"] is not None
    assert cleared["entry_point_expires_at"] is None
    reply = (await check(api, tenant, kind="text", category="service")).json()
    assert (reply["outcome"], reply["trace"][1]["rule"]) == ("cleared", "window")
    with clock.frozen(clock.now() + timedelta(days=2)):
        closed = (await check(api, tenant, kind="text", category="service")).json()
    assert (closed["reason"], closed["window_expires_at"]) == ("window_closed", None)
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from decisions")) == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"person": "+79161234567"}, "person"), ({"kind": "fax"}, "kind"), ({"country": "Russia"}, "country")],
)
async def test_a_malformed_check_is_refused(api: Api, tenant: Tenant, wrong: dict[str, Any], field: str) -> None:
    answer = await check(api, tenant, **wrong)
    assert (answer.status, [one["field"] for one in answer.json()["errors"]]) == (422, [field])
