"""`GET /{version}/{id}`: numbers, accounts and templates in Meta's shape, each tenant's own and nothing of ours."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from tests.gateway.reading.stand import add_number, add_template, get, good, refusal
from tests.gateway.stand import WABA_ID, Gateway, Tenant
from tests.gateway.upstream.meta import Meta

UNSUPPORTED = "(#100) Unsupported get request"


@pytest.fixture(scope="module")
async def mine(reads: Gateway) -> Tenant:
    return await reads.new_tenant()


@pytest.fixture(scope="module")
async def theirs(reads: Gateway) -> Tenant:
    return await reads.new_tenant()


async def test_what_we_know_ourselves_is_answered_without_asking_meta(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    found = await good(reads, mine, f"{mine.phone_number_id}?fields=display_phone_number,id")
    assert found == {"display_phone_number": mine.display_phone_number, "id": mine.phone_number_id}
    assert await good(reads, mine, f"{WABA_ID}?fields=id") == {"id": WABA_ID}
    assert meta.asked == []


async def test_what_meta_knows_is_asked_of_meta_as_the_number(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    meta.answers({"verified_name": "Сад", "quality_rating": "GREEN", "id": "another", "secret": "of ours"})
    found = await good(reads, mine, f"{mine.phone_number_id}?fields=quality_rating,verified_name,name_status")
    assert found == {"quality_rating": "GREEN", "verified_name": "Сад", "id": mine.phone_number_id}
    (asked,) = meta.asked
    assert asked.path == f"/v23.0/{mine.phone_number_id}"
    assert asked.query == {"fields": "quality_rating,verified_name,name_status"}
    assert asked.authorization is not None
    assert asked.authorization.startswith("Bearer EAA")


async def test_without_fields_a_number_has_metas_defaults(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    metas = {"verified_name": "Сад", "quality_rating": "GREEN", "throughput": {"level": "STANDARD"}}
    meta.answers(metas)
    found = await good(reads, mine, mine.phone_number_id)
    assert found == metas | {"id": mine.phone_number_id, "display_phone_number": mine.display_phone_number}


async def test_what_speaks_of_the_operators_own_set_up_is_left_out(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    entities = [
        {"entity_type": "PHONE_NUMBER", "id": mine.phone_number_id, "can_send_message": "AVAILABLE"},
        {"entity_type": "WABA", "id": WABA_ID, "can_send_message": "AVAILABLE"},
        {"entity_type": "BUSINESS", "id": "42", "can_send_message": "LIMITED"},
        {"entity_type": "APP", "id": "43", "can_send_message": "AVAILABLE"},
    ]
    meta.answers(
        {
            "health_status": {"can_send_message": "AVAILABLE", "entities": entities},
            "webhook_configuration": {"application": "https://hook.operator.example"},
            "certificate": "CmEKH",
        }
    )
    fields = "health_status,webhook_configuration,certificate"
    found = await good(reads, mine, f"{mine.phone_number_id}?fields={fields}")
    assert found == {
        "health_status": {"can_send_message": "AVAILABLE", "entities": entities[:2]},
        "id": mine.phone_number_id,
    }
    assert meta.asked[0].query == {"fields": "health_status"}, "what is left out is not even asked for"


async def test_an_account_is_read_with_the_token_of_one_of_its_numbers(
    reads: Gateway, meta: Meta, mine: Tenant
) -> None:
    meta.answers({"name": "Сад", "timezone_id": "1", "owner_business_info": {"id": "42"}, "id": WABA_ID})
    assert await good(reads, mine, f"{WABA_ID}?fields=name,timezone_id,owner_business_info") == {
        "name": "Сад",
        "timezone_id": "1",
        "id": WABA_ID,
    }
    assert meta.asked[0].path == f"/v23.0/{WABA_ID}"


async def test_a_template_comes_from_our_own_records(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    components = [{"type": "BODY", "text": "Здравствуйте, {{name}}"}]
    template_id = await add_template(reads, mine, "hello", components=components, category="MARKETING")
    assert await good(reads, mine, template_id) == {
        "name": "hello",
        "parameter_format": "NAMED",
        "components": components,
        "language": "ru",
        "status": "APPROVED",
        "category": "MARKETING",
        "id": template_id,
    }
    assert await good(reads, mine, f"{template_id}?fields=status,quality_score,rejected_reason,sub_category") == {
        "status": "APPROVED",
        "rejected_reason": "NONE",
        "id": template_id,
    }
    assert meta.asked == []


async def test_a_template_shows_what_meta_said_of_it_last(
    reads: Gateway, mine: Tenant, gateway_database: Database
) -> None:
    template_id = await add_template(reads, mine, "said")
    said = """update templates set state = :state, meta_status = :word, status_reason = 'INVALID_FORMAT',
                                   quality = 'GREEN', quality_at = '2025-09-24T22:57:25Z' where id = :id"""
    fields = f"{template_id}?fields=status,rejected_reason,quality_score"
    for state, word, shown in (
        ("rejected", "REJECTED", ("REJECTED", "INVALID_FORMAT")),
        ("disabled", "LOCKED", ("LOCKED", "NONE")),
        ("approved", "REINSTATED", ("APPROVED", "NONE")),
    ):
        async with gateway_database.transaction() as connection:
            await connection.execute(text(said), {"state": state, "word": word, "id": template_id})
        found = await good(reads, mine, fields)
        assert (found["status"], found["rejected_reason"]) == shown
        assert found["quality_score"] == {"score": "GREEN", "date": 1758754645}
        filtered = await good(reads, mine, f"{WABA_ID}/message_templates?status={shown[0]}&fields=id&limit=100")
        assert template_id in {template["id"] for template in filtered["data"]}


async def test_a_field_that_does_not_exist_is_refused_by_its_name(reads: Gateway, meta: Meta, mine: Tenant) -> None:
    template_id = await add_template(reads, mine, f"t_{uuid4().hex}")
    for path, kind in {
        mine.phone_number_id: "a phone number",
        WABA_ID: "a WhatsApp Business Account",
        template_id: "a template",
        f"{mine.phone_number_id}/whatsapp_business_profile": "a business profile",
        f"{WABA_ID}/phone_numbers": "a phone number",
        f"{WABA_ID}/message_templates": "a template",
    }.items():
        answer = await get(reads, mine, f"{path}?fields=id,access_token,throughput%7Blevel%7D")
        status, error = refusal(answer)
        details = error["error_data"]["details"]
        assert (status, error["code"]) == (400, 100)
        assert details.startswith(f"fields: access_token, throughput{{level}} is not known for {kind}; choose from ")
    too_long = await get(reads, mine, f"{mine.phone_number_id}?fields={'id,' * 1_000}")
    assert refusal(too_long)[1]["code"] == 100
    assert meta.asked == []


async def test_what_is_not_the_tenants_own_is_answered_like_what_does_not_exist(
    reads: Gateway, meta: Meta, mine: Tenant, theirs: Tenant
) -> None:
    foreign_account = "999000999"
    await add_number(reads, theirs, waba_id=foreign_account)
    foreign_template = await add_template(reads, theirs, "secret")
    ids = [theirs.phone_number_id, foreign_account, "1", "9" * 60, foreign_template, str(uuid4()), str(uuid7()), "x"]
    ids += [foreign_template.upper(), "%00", "-1", "١٢٣", "me", "debug_token"]
    paths = [f"{id_}{more}" for id_ in ids for more in ("", "?fields=id", "?fields=verified_name,name")]
    edges = ("phone_numbers", "message_templates", "whatsapp_business_profile")
    paths += [f"{id_}/{edge}" for id_ in ids for edge in edges]
    answers = [refusal(await get(reads, mine, path)) for path in paths]
    assert answers == [answers[0]] * len(paths)
    assert answers[0][0] == 400
    assert answers[0][1] == {
        "message": UNSUPPORTED,
        "type": "GraphMethodException",
        "code": 100,
        "error_subcode": 33,
        "error_data": answers[0][1]["error_data"],
    }
    assert meta.asked == [], "nobody learns from Meta either"


async def test_an_account_that_two_tenants_share_shows_each_its_own(
    reads: Gateway, meta: Meta, mine: Tenant, theirs: Tenant
) -> None:
    secret = await add_template(reads, theirs, f"only_{uuid4().hex}")
    names = await good(reads, mine, f"{WABA_ID}/message_templates?limit=100")
    assert secret not in {template["id"] for template in names["data"]}
    numbers = await good(reads, mine, f"{WABA_ID}/phone_numbers?fields=id")
    assert theirs.phone_number_id not in {number["id"] for number in numbers["data"]}


@pytest.mark.parametrize(
    ("refusal_of_meta", "ours"),
    [
        ((401, {"error": {"message": "Error validating access token EAAsecret", "code": 190}}), (503, 2)),
        ((400, {"error": {"message": "(#80007) Rate limit issues", "code": 80007}}), (429, 130429)),
        ((500, {"error": {"message": "An unknown error occurred", "code": 1}}), (503, 2)),
        ((400, {"error": {"message": "(#368) blocked", "code": 368}}), (400, 368)),
    ],
)
async def test_what_meta_refuses_is_said_in_metas_envelope_without_our_secrets(
    reads: Gateway, meta: Meta, mine: Tenant, refusal_of_meta: tuple[int, object], ours: tuple[int, int]
) -> None:
    status, body = refusal_of_meta
    meta.answers(body, status)
    answer = await get(reads, mine, f"{mine.phone_number_id}?fields=status")
    assert (answer.status, answer.error["code"]) == ours
    assert b"EAAsecret" not in answer.body


async def test_while_meta_is_away_the_answer_is_503_in_metas_envelope(gateway: Gateway, tenant: Tenant) -> None:
    """The gateway of this fixture has an upstream at which nobody listens."""
    for path in (f"{tenant.phone_number_id}?fields=status", f"{WABA_ID}?fields=name"):
        answer = await get(gateway, tenant, path)
        assert (answer.status, answer.error["code"]) == (503, 2)
        assert answer.headers["Retry-After"]
    assert (await get(gateway, tenant, f"{tenant.phone_number_id}?fields=id")).status == 200


async def test_without_a_key_the_refusal_is_metas(reads: Gateway, mine: Tenant) -> None:
    edges = ("", "/phone_numbers", "/message_templates", "/whatsapp_business_profile")
    for path in [f"/v23.0/{mine.phone_number_id}{edge}" for edge in edges]:
        for key in (None, "vk_wrong"):
            answer = await reads.ask("GET", path, key=key)
            assert (answer.status, answer.error["code"]) == (401, 190)


@pytest.mark.parametrize("version", ["v14.0", "v23.0", "v26.0"])
async def test_any_version_of_the_graph_api_is_served(reads: Gateway, mine: Tenant, version: str) -> None:
    answer = await reads.ask("GET", f"/{version}/{mine.phone_number_id}?fields=id", key=mine.api_key)
    assert answer.json() == {"id": mine.phone_number_id}
