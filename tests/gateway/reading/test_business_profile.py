"""A number's business profile: read from Meta, and changed there within Meta's limits."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from services.kernel.db import Database
from tests.gateway.reading.stand import good
from tests.gateway.stand import Answer, Gateway, Tenant
from tests.gateway.upstream.meta import Meta


@pytest.fixture(scope="module")
async def mine(reads: Gateway) -> Tenant:
    return await reads.new_tenant()


def path(tenant: Tenant) -> str:
    return f"/v23.0/{tenant.phone_number_id}/whatsapp_business_profile"


async def change(gateway: Gateway, tenant: Tenant, body: Any, **more: Any) -> Answer:
    if not isinstance(body, bytes):
        body = json.dumps({"messaging_product": "whatsapp"} | body).encode()
    headers = {"Content-Type": "application/json"}
    return await gateway.ask("POST", path(tenant), key=tenant.api_key, data=body, headers=headers, **more)


async def test_the_profile_is_metas_with_the_fields_asked_for(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    profile = {"about": "Открыто", "vertical": "RETAIL", "websites": ["https://sad.example"]}
    meta.answers(
        {"data": [{"messaging_product": "whatsapp", "id": "7", **profile}], "paging": {"next": "https://graph/next"}}
    )
    found = await good(reads, mine, f"{mine.phone_number_id}/whatsapp_business_profile?fields=about,websites")
    assert found == {"data": [{"about": "Открыто", "websites": ["https://sad.example"]}]}
    assert meta.asked[0].path == path(mine)
    assert meta.asked[0].query == {"fields": "about,websites"}
    whole = await good(reads, mine, f"{mine.phone_number_id}/whatsapp_business_profile")
    assert whole["data"] == [{"messaging_product": "whatsapp", **profile}]


async def test_a_change_is_passed_on_as_it_was_given(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    meta.answers({"success": True})
    body = {
        "about": "Открыто 🌷",
        "address": "",
        "email": "hello@sad.example",
        "vertical": "RETAIL",
        "websites": ["https://sad.example", "http://sad.example/2"],
        "profile_picture_handle": "4::aW1hZ2U=",
    }
    answer = await change(reads, mine, body)
    assert (answer.status, answer.json()) == (200, {"success": True})
    (asked,) = meta.asked
    assert json.loads(asked.body) == {"messaging_product": "whatsapp", **body}
    assert asked.path == path(mine)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"about": ""}, "about"),
        ({"about": "x" * 140}, "about"),
        ({"about": 7}, "about"),
        ({"address": "x" * 257}, "address"),
        ({"description": "x" * 513}, "description"),
        ({"email": "x" * 120 + "@ab.example"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"vertical": "SPACE"}, "vertical"),
        ({"websites": ["https://a.example"] * 3}, "websites"),
        ({"websites": ["ftp://a.example"]}, "websites.0"),
        ({"websites": ["https://a.example/" + "x" * 256]}, "websites.0"),
        ({"websites": "https://a.example"}, "websites"),
        ({"messaging_product": "sms"}, "messaging_product"),
        ({"access_token": "EAA"}, "access_token"),
        ({"about": "\ud800"}, "about"),
        (b"[]", "body"),
        (b"", "body"),
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)
async def test_a_bad_change_is_refused_by_its_field_and_never_reaches_meta(
    reads: Gateway, meta: Meta, mine: Tenant, body: Any, field: str
) -> None:
    answer = await change(reads, mine, body)
    assert (answer.status, answer.error["code"]) == (400, 100)
    assert answer.error["error_data"]["details"].startswith(f"{field}: " if field else "")
    assert meta.asked == []


async def test_another_tenants_profile_is_neither_read_nor_changed(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    theirs = await reads.new_tenant()
    refusals = []
    for number in (theirs.phone_number_id, "1", "nonsense"):
        place = f"/v23.0/{number}/whatsapp_business_profile"
        body = {"messaging_product": "whatsapp", "about": "Взломано"}
        answer = await reads.ask("POST", place, key=mine.api_key, json=body)
        refusals.append((answer.status, answer.error))
    assert refusals == [refusals[0]] * 3
    assert (refusals[0][0], refusals[0][1]["error_subcode"]) == (400, 33)
    assert refusals[0][1]["message"] == "(#100) Unsupported post request"
    assert meta.asked == []


async def test_metas_refusal_of_a_change_is_told_in_metas_words(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    data = {"messaging_product": "whatsapp", "details": "The handle is not valid"}
    meta.answers(
        {"error": {"message": "(#131009) Parameter value is not valid", "code": 131009, "error_data": data}}, 400
    )
    answer = await change(reads, mine, {"profile_picture_handle": "x"})
    assert (answer.status, answer.error["code"]) == (400, 131009)
    assert answer.error["error_data"]["details"] == "The handle is not valid"


async def test_while_meta_is_away_nothing_is_promised(gateway: Gateway, tenant: Tenant) -> None:
    answer = await change(gateway, tenant, {"about": "Открыто"})
    assert (answer.status, answer.error["code"], answer.error["is_transient"]) == (503, 2, True)


async def test_a_suspended_number_changes_nothing(reads: Gateway, meta: Meta, gateway_database: Database) -> None:
    tenant = await reads.new_tenant()
    async with gateway_database.transaction() as connection:
        await connection.execute(
            text("update numbers set state = 'suspended' where phone_number_id = :p"), {"p": tenant.phone_number_id}
        )
    answer = await change(reads, tenant, {"about": "Открыто"})
    assert (answer.status, answer.error["code"]) == (403, 131031)
    assert meta.asked == []
