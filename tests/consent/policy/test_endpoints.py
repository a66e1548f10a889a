"""Staff make rules: one person restricts, two let more go out, and what is malformed is refused whole."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.kernel import clock
from tests.consent.policy.conftest import Ask
from tests.consent.stand import Tenant

RULES = "/internal/policy/rules"
APPROVALS = "/internal/approvals"
BASIS = "договор 17/2026, решение юриста от 2026-11-20"


def rule(**more: Any) -> dict[str, Any]:
    words = {"citation": "order 7", "note_en": "not there", "note_ru": "туда нельзя"}
    return {"id": "no-utility-to-serbia", "category": "utility", "country": "RS", "outcome": "refuse", **words, **more}


async def advertising(ask: Ask, tenant: Tenant, *countries: str) -> str:
    """Ask for advertising; returns the id of the approval."""
    asked = {"countries": list(countries), "legal_basis": BASIS}
    said = await ask("anna", "POST", f"/internal/tenants/{tenant.id}/advertising", asked)
    assert said.status == 202, said.body
    return str(said.body["id"])


async def test_the_shipped_rules_are_listed_with_their_citations(ask: Ask) -> None:
    said = await ask("anna", "GET", RULES)
    assert said.status == 200
    found = {one["id"]: one for one in said.body["data"]}
    assert found["advertising-to-russia"]["citation"].startswith("38-FZ art. 5 p. 10.7")
    assert {one["country"] for one in found.values() if one["id"].startswith("country-blocked-")} == {
        "CU",
        "IR",
        "KP",
        "SY",
        "VE",
    }
    assert all(one["note_en"] and one["note_ru"] and one["citation"] for one in found.values())
    earlier = await ask("anna", "GET", f"{RULES}?at=2025-01-01T00:00:00Z")
    assert "advertising-to-russia" not in {one["id"] for one in earlier.body["data"]}


async def test_one_person_adds_a_refusal_and_its_versions_are_kept(ask: Ask) -> None:
    first = await ask("anna", "POST", RULES, rule())
    assert (first.status, first.body["rule"]["version"], first.body["approval"]) == (201, 1, None)
    assert first.body["rule"]["made_by"] == "anna"
    second = await ask("boris", "POST", RULES, rule(note_en="really not there"))
    assert second.body["rule"]["version"] == 2
    everything = (await ask("anna", "GET", f"{RULES}?all=true")).body["data"]
    assert [one["version"] for one in everything if one["id"] == rule()["id"]] == [1, 2]
    in_force = (await ask("anna", "GET", RULES)).body["data"]
    assert [one["version"] for one in in_force if one["id"] == rule()["id"]] == [2]


async def test_what_may_let_more_go_out_waits_for_another_person(ask: Ask) -> None:
    asked = await ask("anna", "POST", RULES, rule(id="adverts-to-serbia", category="marketing", outcome="allow"))
    assert (asked.status, asked.body["rule"]) == (202, None)
    path = f"{APPROVALS}/{asked.body['approval']['id']}:approve"
    assert (await ask("anna", "POST", path)).status == 403
    assert "adverts-to-serbia" not in str((await ask("anna", "GET", RULES)).body)
    approved = await ask("boris", "POST", path)
    assert (approved.status, approved.body["result"]) == (200, {"rules": ["adverts-to-serbia@1"]})
    assert (await ask("boris", "POST", path)).body["result"] == approved.body["result"]
    made = [one for one in (await ask("anna", "GET", RULES)).body["data"] if one["id"] == "adverts-to-serbia"]
    assert [(one["version"], one["approval_id"], one["made_by"]) for one in made] == [
        (1, asked.body["approval"]["id"], "anna")
    ]


async def test_ending_a_refusal_takes_two_people_and_ending_an_allowance_one(ask: Ask) -> None:
    asked = await ask("anna", "POST", f"{RULES}/advertising-forbidden:end", {"reason": "tired of it"})
    assert (asked.status, asked.body["approval"]["state"]) == (202, "requested")
    again = await ask("anna", "POST", f"{RULES}/advertising-forbidden:end", {"reason": "tired of it"})
    assert again.body["approval"]["id"] == asked.body["approval"]["id"]
    ended = await ask("anna", "POST", f"{RULES}/service-allowed:end", {"reason": "all stop"})
    assert ended.status == 201
    assert ended.body["rule"]["effective_to"] == ended.body["rule"]["effective_from"]
    names = {one["id"] for one in (await ask("anna", "GET", RULES)).body["data"]}
    assert "advertising-forbidden" in names
    assert "service-allowed" not in names
    assert (await ask("anna", "POST", f"{RULES}/unheard-of:end", {"reason": "why not"})).status == 404


async def test_an_end_may_lie_ahead(ask: Ask) -> None:
    later = clock.now() + timedelta(days=3)
    said = await ask("anna", "POST", f"{RULES}/utility-allowed:end", {"reason": "law", "at": later.isoformat()})
    assert said.status == 201
    for at, is_there in ((later - timedelta(seconds=1), True), (later, False)):
        listed = await ask("anna", "GET", f"{RULES}?at={at.isoformat().replace('+00:00', 'Z')}")
        assert ("utility-allowed" in {one["id"] for one in listed.body["data"]}) is is_there


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": "Bad Id"}, "id"),
        ({"category": "spam"}, "category"),
        ({"country": "ZZ"}, "country"),
        ({"country": "ru"}, "country"),
        ({"channel": "pigeon"}, "channel"),
        ({"outcome": "maybe"}, "outcome"),
        ({"citation": "  "}, "citation"),
        ({"note_ru": ""}, "note_ru"),
        ({"note_en": "x" * 2_001}, "note_en"),
        ({"tenant_class": "CLASS 1"}, "tenant_class"),
        ({"tenant_id": "no id"}, "tenant_id"),
        ({"effective_from": "2020-01-01T00:00:00Z"}, "effective_from"),
        ({"effective_from": "2999-01-01T00:00:00"}, "effective_from"),
        ({"effective_from": "9999-12-31T23:59:59-12:00"}, "effective_from"),
        ({"citation": "order\x00"}, "citation"),
        ({"effective_from": "2999-01-02T00:00:00Z", "effective_to": "2999-01-01T00:00:00Z"}, "effective_to"),
        ({"is_final": True, "outcome": "allow"}, "is_final"),
        ({"tenant_id": str(uuid4()), "tenant_class": "finance"}, "tenant_class"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_malformed_rule_is_refused_whole_with_the_field_and_the_reason(
    ask: Ask, wrong: dict[str, Any], field: str
) -> None:
    said = await ask("anna", "POST", RULES, rule(**wrong))
    assert said.status == 422, said.body
    assert [one["field"] for one in said.body["errors"]] == [field]
    assert said.body["errors"][0]["message"]
    assert "serbia" not in str((await ask("anna", "GET", f"{RULES}?all=true")).body)


async def test_what_is_no_rules_id_ends_no_rule(ask: Ask) -> None:
    for rule_id, status in (("no-such-rule", 404), ("Bad Id", 422), ("%00", 422)):
        assert (await ask("anna", "POST", f"{RULES}/{rule_id}:end", {"reason": "7"})).status == status


async def test_a_rule_for_a_tenant_that_does_not_exist_is_refused(ask: Ask) -> None:
    said = await ask("anna", "POST", RULES, rule(tenant_id=str(uuid4())))
    assert (said.status, said.body["detail"].partition(":")[0]) == (404, "tenant_id")


async def test_advertising_is_asked_for_by_one_enabled_by_another_and_taken_back_by_any(
    ask: Ask, tenant: Tenant
) -> None:
    path = f"/internal/tenants/{tenant.id}/advertising"
    approval = await advertising(ask, tenant, "*", "RU")
    assert await advertising(ask, tenant, "RU", "*") == approval, "a repeat finds the open request"
    waiting = (await ask("anna", "GET", path)).body
    assert (waiting["is_enabled"], [one["id"] for one in waiting["approvals"]]) == (False, [approval])
    assert (await ask("Anna ", "POST", f"{APPROVALS}/{approval}:approve")).status == 403
    assert (await ask("boris", "POST", f"{APPROVALS}/{approval}:approve")).status == 200
    enabled = (await ask("anna", "GET", path)).body
    assert (enabled["is_enabled"], sorted(enabled["countries"])) == (True, ["*", "RU"])
    assert {one["citation"] for one in enabled["rules"]} == {BASIS}
    revoked = await ask("vera", "POST", f"{path}:revoke", {"reason": "жалобы"})
    assert (revoked.status, revoked.body["is_enabled"]) == (200, False)
    again = await advertising(ask, tenant, "RU")
    assert (await ask("boris", "POST", f"{APPROVALS}/{again}:approve")).body["result"] == {
        "rules": [f"advertising-{tenant.id}-ru@3"]
    }
    assert (await ask("anna", "GET", path)).body["countries"] == ["RU"]


async def test_taking_advertising_back_refuses_what_waits(ask: Ask, tenant: Tenant) -> None:
    approval = await advertising(ask, tenant, "*")
    revoked = await ask("vera", "POST", f"/internal/tenants/{tenant.id}/advertising:revoke", {"reason": "нет"})
    assert revoked.body["approvals"] == []
    assert (await ask("boris", "POST", f"{APPROVALS}/{approval}:approve")).status == 409


async def test_taking_advertising_back_does_not_wait_for_a_refusal_that_lies_ahead(ask: Ask, tenant: Tenant) -> None:
    path = f"/internal/tenants/{tenant.id}/advertising"
    await ask("boris", "POST", f"{APPROVALS}/{await advertising(ask, tenant, '*')}:approve")
    refusal = rule(
        id=f"advertising-{tenant.id}",
        tenant_id=str(tenant.id),
        category="marketing",
        country="*",
        effective_from=(clock.now() + timedelta(days=30)).isoformat(),
    )
    assert (await ask("anna", "POST", RULES, refusal)).status == 201
    assert (await ask("anna", "GET", path)).body["is_enabled"] is True
    revoked = await ask("vera", "POST", f"{path}:revoke", {"reason": "жалобы"})
    assert (revoked.status, revoked.body["is_enabled"]) == (200, False)


async def test_advertising_of_an_unknown_tenant_or_without_a_basis_is_refused(ask: Ask, tenant: Tenant) -> None:
    asked = {"countries": ["*"], "legal_basis": BASIS}
    assert (await ask("anna", "POST", f"/internal/tenants/{uuid4()}/advertising", asked)).status == 404
    for wrong, field in (
        ({"legal_basis": " "}, "legal_basis"),
        ({"countries": []}, "countries"),
        ({"countries": ["RU", "Russia"]}, "countries.1"),
        ({"effective_to": "2020-01-01T00:00:00Z"}, "effective_to"),
    ):
        said = await ask("anna", "POST", f"/internal/tenants/{tenant.id}/advertising", asked | wrong)
        assert (said.status, [one["field"] for one in said.body["errors"]]) == (422, [field])
