"""Tenants record, withdraw and read consents over HTTP; every refusal says what to do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.kernel import clock, crypto
from services.kernel.client import Answer
from services.kernel.contracts import EVENT_TYPES
from services.kernel.contracts.platform import Alias
from services.kernel.db import Database
from services.kernel.errors import Unavailable
from tests.consent.conftest import Api
from tests.consent.stand import HOUR, NOON, PHONE, Consent, Tenant, inbound, renamed

WORDS = "Да, пришлите мне статус моего заказа в WhatsApp"


def giving(purpose: str = "service", **evidence: Any) -> bytes:
    return msgspec.json.encode(
        {"phone": PHONE, "purpose": purpose, "evidence": {"source": "web_form", "text": WORDS} | evidence}
    )


async def give(api: Api, tenant: Tenant, purpose: str = "service", **evidence: Any) -> Answer:
    return await api.post("/v1/consents", giving(purpose, **evidence), tenant_id=tenant.id)


async def withdraw(api: Api, tenant: Tenant, **more: str) -> Answer:
    body = msgspec.json.encode({"phone": PHONE} | more)
    return await api.post("/v1/consents:withdraw", body, tenant_id=tenant.id)


async def states(api: Api, tenant: Tenant, phone: str = PHONE) -> dict[str, str]:
    answer = await api.get("/v1/consents", tenant_id=tenant.id, phone=phone)
    assert answer.status == 200
    return {one["purpose"]: one["state"] for one in answer.json()["consents"]}


async def published(database: Database) -> list[Any]:
    async with database.transaction() as connection:
        rows: Sequence[Any] = (await connection.execute(text("select event_type, value from outbox order by id"))).all()
    return [msgspec.json.decode(row.value, type=EVENT_TYPES[row.event_type]) for row in rows]


async def test_a_consent_is_recorded_and_read_back(api: Api, tenant: Tenant) -> None:
    answer = await give(api, tenant, given_at="2026-01-01T10:00:00+03:00")
    given = answer.json()
    assert answer.status == 201
    assert (given["phone"], given["purpose"], given["state"]) == (PHONE, "service", "given")
    assert given["given_at"] == "2026-01-01T07:00:00Z"
    listed = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"]
    assert [(one["purpose"], one["state"], one["since"]) for one in listed] == [
        ("service", "given", "2026-01-01T07:00:00Z")
    ]
    assert listed[0]["source"] == "web_form"
    assert [(item["id"], item["act"]) for item in listed[0]["history"]] == [(given["id"], "given")]


async def test_a_consent_for_one_purpose_is_none_for_another(api: Api, tenant: Tenant) -> None:
    await give(api, tenant, "service")
    assert await states(api, tenant) == {"service": "given"}


async def test_one_person_is_found_under_every_spelling_of_the_number(api: Api, tenant: Tenant) -> None:
    await give(api, tenant)
    for spelling in ("79161234567", "+7 (916) 123-45-67", " +79161234567 "):
        assert await states(api, tenant, spelling) == {"service": "given"}


async def test_a_withdrawal_without_a_purpose_withdraws_everything(api: Api, tenant: Tenant) -> None:
    await give(api, tenant, "service")
    answer = await withdraw(api, tenant)
    assert answer.status == 200
    assert {one["purpose"]: one["state"] for one in answer.json()["consents"]} == {
        "service": "withdrawn",
        "authentication": "withdrawn",
        "marketing": "withdrawn",
    }
    assert await states(api, tenant) == {
        "service": "withdrawn",
        "authentication": "withdrawn",
        "marketing": "withdrawn",
    }


async def test_a_withdrawal_of_one_purpose_leaves_the_others(api: Api, tenant: Tenant) -> None:
    await give(api, tenant, "service")
    await give(api, tenant, "authentication")
    answer = await withdraw(api, tenant, purpose="service")
    assert [one["purpose"] for one in answer.json()["consents"]] == ["service"]
    assert await states(api, tenant) == {"service": "withdrawn", "authentication": "given"}


async def test_a_tenant_lifts_its_own_withdrawal(api: Api, tenant: Tenant) -> None:
    await give(api, tenant)
    await withdraw(api, tenant)
    assert (await give(api, tenant)).status == 201
    assert (await states(api, tenant))["service"] == "given"


async def test_a_withdrawal_holds_even_when_another_clock_runs_ahead(api: Api, tenant: Tenant) -> None:
    with clock.frozen(clock.now() + HOUR):
        await give(api, tenant)
    await withdraw(api, tenant)
    assert (await states(api, tenant))["service"] == "withdrawn"


async def test_an_old_consent_does_not_lift_a_later_withdrawal(api: Api, tenant: Tenant) -> None:
    await withdraw(api, tenant, purpose="service")
    answer = await give(api, tenant, given_at="2026-01-01T10:00:00Z")
    assert (answer.status, answer.json()["title"]) == (409, "withdrawn_later")
    assert (await states(api, tenant))["service"] == "withdrawn"


async def test_after_a_stop_a_consent_is_history_and_answers_409(api: Api, tenant: Tenant, consent: Consent) -> None:
    await give(api, tenant)
    await consent.hears(inbound(tenant.id, tenant.person(), clock.now() + HOUR, "stop"))
    answer = await give(api, tenant)
    problem = answer.json()
    assert (answer.status, answer.content_type) == (409, "application/problem+json")
    assert "withdrawn by the person; only the person's START or form lifts it" in problem["detail"]
    listed = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"]
    service = next(one for one in listed if one["purpose"] == "service")
    assert (service["state"], service["source"]) == ("withdrawn", "keyword_stop")
    assert sorted(item["act"] for item in service["history"]) == ["given", "given", "stopped"]


async def test_what_changes_is_published_with_the_commit(api: Api, tenant: Tenant, database: Database) -> None:
    given = (await give(api, tenant)).json()
    await withdraw(api, tenant, purpose="service")
    await withdraw(api, tenant, purpose="service")
    facts = await published(database)
    assert [(fact.TYPE, fact.purpose, str(fact.consent_id)) for fact in facts] == [
        ("consent.given.v1", "service", given["id"]),
        ("consent.withdrawn.v1", "service", given["id"]),
    ]
    assert {(fact.tenant_id, fact.person) for fact in facts} == {(tenant.id, tenant.person())}


async def test_the_evidence_is_sealed_in_its_own_place(api: Api, tenant: Tenant, database: Database) -> None:
    given = (await give(api, tenant)).json()
    async with database.transaction() as connection:
        row = (
            await connection.execute(text("select cast(e as text) as everything, evidence from consent_events e"))
        ).one()
    for plain in (PHONE, PHONE[1:], WORDS, PHONE[1:].encode().hex(), WORDS.encode().hex()):
        assert plain not in row.everything
    place = crypto.Place(tenant.id, "consent_events", "evidence", given["id"])
    opened = msgspec.json.decode(crypto.open_sealed(tenant.data_key, place, row.evidence))
    assert opened == {"phone": PHONE, "text": WORDS}


async def test_history_can_be_neither_changed_nor_deleted(api: Api, tenant: Tenant, database: Database) -> None:
    await give(api, tenant)
    for attack in ("update consent_events set act = 'withdrawn'", "delete from consent_events", "delete from consents"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.transaction() as connection:
                await connection.execute(text(attack))


async def test_another_tenant_sees_what_it_would_see_of_nobody(api: Api, tenant: Tenant, other_tenant: Tenant) -> None:
    await give(api, tenant)
    unknown = await api.get("/v1/consents", tenant_id=tenant.id, phone="+79169999999")
    foreign = await api.get("/v1/consents", tenant_id=other_tenant.id, phone=PHONE)
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) == (200, b'{"consents":[]}')
    await withdraw(api, other_tenant)
    assert await states(api, tenant) == {"service": "given"}


async def test_a_tenant_whose_keys_have_not_arrived_is_asked_to_try_again(api: Api) -> None:
    with pytest.raises(Unavailable, match="answered 503"):
        await api.get("/v1/consents", tenant_id=uuid4(), phone=PHONE)


async def test_only_tenants_may_ask(api: Api) -> None:
    assert (await api.get("/v1/consents", phone=PHONE)).status == 403
    assert (await api.post("/v1/consents", giving())).status == 403
    assert (await api.post_as_staff("/v1/consents:withdraw", giving())).status == 403


BAD: list[tuple[str, Any, str]] = [
    ("phone", "12", "not a phone number"),
    ("phone", "+7916123456789012345", "give it with its country code"),
    ("phone", "+" + "1" * 200, "40 characters"),
    ("phone", "call me", "not a phone number"),
    ("phone", None, "by phone or by bsuid"),
    ("purpose", "newsletter", "'service', 'authentication' or 'marketing'"),
    ("purpose", None, "'service', 'authentication' or 'marketing'"),
    ("evidence", None, "evidence"),
    ("evidence", {"source": "web_form"}, "evidence.text: Field required"),
    ("evidence", {"source": "web_form", "text": "   "}, "give the words"),
    ("evidence", {"source": "web_form", "text": "x" * 4_001}, "4000 characters"),
    ("evidence", {"source": "web_form", "text": 5}, "string"),
    ("evidence", {"text": "yes"}, "evidence.source: Field required"),
    ("evidence", {"source": "keyword_start", "text": "yes"}, "what we record ourselves"),
    ("evidence", {"source": "79161234567", "text": "yes"}, "pattern"),
    ("evidence", {"source": "web_form", "text": "yes", "given_at": "2126-01-01T00:00:00Z"}, "lies in the future"),
    ("evidence", {"source": "web_form", "text": "yes", "given_at": "2026-01-01T00:00:00"}, "timezone"),
    ("evidence", {"source": "web_form", "text": "yes", "given_at": "0001-01-01T00:00:00+14:00"}, "year 2000"),
    ("evidence", {"source": "web_form", "text": "yes", "given_at": "yesterday"}, "datetime"),
    ("evidence", {"source": "web_form", "text": "yes", "ip": "10.0.0"}, "evidence.ip: this is no IP address"),
    ("evidence", {"source": "web_form", "text": "yes", "mood": "good"}, "evidence.mood: Extra inputs"),
    ("evidence", {"source": "web_form", "text": "yes", "language": "Russian"}, "evidence.language: "),
    ("evidence", {"source": "web_form", "text": "yes", "page_url": "shop.example"}, "evidence.page_url: "),
    ("evidence", {"source": "web_form", "text": "yes", "text_version": "79161234567"}, "fewer than 9 digits"),
    ("evidence", {"source": "import", "text": "yes", "attested_by": "me"}, "evidence.given_at: an import needs"),
    ("evidence", {"source": "import", "text": "yes", "given_at": "2026-01-01T00:00:00Z"}, "who vouches for it"),
    ("channel", "sms", "'whatsapp'"),
]


@pytest.mark.parametrize(("field", "value", "said"), BAD)
async def test_bad_input_is_422_and_says_what_to_do(
    api: Api, tenant: Tenant, field: str, value: Any, said: str
) -> None:
    body = msgspec.json.decode(giving()) | {field: value}
    answer = await api.post("/v1/consents", msgspec.json.encode(body), tenant_id=tenant.id)
    problem = answer.json()
    assert (answer.status, answer.content_type) == (422, "application/problem+json")
    assert said in problem["detail"]
    assert problem["detail"].startswith(field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"phone": "\\ud800"}', b"\xff\xfe", b"null"])
async def test_what_is_no_json_object_is_422(api: Api, tenant: Tenant, body: bytes) -> None:
    for path in ("/v1/consents", "/v1/consents:withdraw"):
        assert (await api.post(path, body, tenant_id=tenant.id)).status == 422


async def test_a_query_without_a_usable_phone_is_422(api: Api, tenant: Tenant) -> None:
    assert (await api.get("/v1/consents", tenant_id=tenant.id)).status == 422
    assert (await api.get("/v1/consents", tenant_id=tenant.id, phone="nobody")).status == 422


async def test_a_time_slightly_ahead_is_taken_as_now(api: Api, tenant: Tenant) -> None:
    with clock.frozen(NOON):
        given = (await give(api, tenant, given_at=(NOON + timedelta(seconds=30)).isoformat())).json()
    assert given["given_at"] == "2026-11-22T12:00:00Z"
    assert UUID(given["id"]).version == 7


BSUID = "RU.90210442100317"
FULL = {
    "text_version": "2026-09",
    "language": "ru",
    "page_url": "https://shop.example/order?id=1",
    "ip": "203.0.113.77",
    "user_agent": "Mozilla/5.0 (X11)",
    "reference": "form-17",
}


async def test_all_evidence_is_kept_and_what_may_name_people_is_sealed(
    api: Api, tenant: Tenant, database: Database
) -> None:
    given = (await give(api, tenant, **FULL)).json()
    async with database.transaction() as connection:
        row = (
            await connection.execute(text("select cast(e as text) as everything, evidence from consent_events e"))
        ).one()
    for plain in ("203.0.113", "shop.example", "Mozilla", "form-17", b"203.0.113".hex()):
        assert plain not in row.everything
    place = crypto.Place(tenant.id, "consent_events", "evidence", given["id"])
    opened = msgspec.json.decode(crypto.open_sealed(tenant.data_key, place, row.evidence))
    sealed = {name: FULL[name] for name in ("page_url", "user_agent", "reference")}
    assert opened == {"phone": PHONE, "text": WORDS, "ip": "203.0.113.0/24"} | sealed
    (item,) = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"][0]["history"]
    assert (item["level"], item["text_version"], item["language"]) == ("recorded", "2026-09", "ru")


async def test_an_ipv6_address_is_cut_too(api: Api, tenant: Tenant, database: Database) -> None:
    given = (await give(api, tenant, ip="2001:db8:1:2:3:4:5:6")).json()
    async with database.transaction() as connection:
        evidence = await connection.scalar(text("select evidence from consent_events"))
    place = crypto.Place(tenant.id, "consent_events", "evidence", given["id"])
    assert msgspec.json.decode(crypto.open_sealed(tenant.data_key, place, evidence))["ip"] == "2001:db8:1::/48"


@pytest.mark.parametrize(
    ("source", "level"), [("own_form", "recorded"), ("call", "recorded"), ("horoscope", "attested")]
)
async def test_a_source_of_the_tenants_own_words_is_kept_as_attested(
    api: Api, tenant: Tenant, source: str, level: str
) -> None:
    assert (await give(api, tenant, source=source)).status == 201
    (item,) = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"][0]["history"]
    assert (item["source"], item["level"]) == (source, level)


async def test_the_channel_is_part_of_every_answer(api: Api, tenant: Tenant) -> None:
    assert (await give(api, tenant)).json()["channel"] == "whatsapp"
    answer = await withdraw(api, tenant, channel="whatsapp")
    assert {one["channel"] for one in answer.json()["consents"]} == {"whatsapp"}
    listed = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"]
    assert {one["channel"] for one in listed} == {"whatsapp"}


async def by_bsuid(api: Api, tenant: Tenant, path: str, **more: Any) -> Answer:
    return await api.post(path, msgspec.json.encode({"bsuid": BSUID} | more), tenant_id=tenant.id)


async def test_a_person_without_a_number_is_named_by_the_bsuid(api: Api, tenant: Tenant, database: Database) -> None:
    evidence = {"source": "chat", "text": WORDS}
    given = await by_bsuid(api, tenant, "/v1/consents", purpose="service", evidence=evidence)
    assert (given.status, given.json()["bsuid"], given.json()["phone"]) == (201, BSUID, None)
    listed = (await api.get("/v1/consents", tenant_id=tenant.id, bsuid=BSUID)).json()["consents"]
    assert [(one["purpose"], one["state"]) for one in listed] == [("service", "given")]
    async with database.transaction() as connection:
        rows = (await connection.scalars(text("select cast(e as text) from consent_events e"))).all()
    assert not any(BSUID in row or BSUID[3:] in row for row in rows)
    withdrawn = await by_bsuid(api, tenant, "/v1/consents:withdraw")
    assert withdrawn.json()["bsuid"] == BSUID
    assert {one["state"] for one in withdrawn.json()["consents"]} == {"withdrawn"}


async def test_number_and_bsuid_show_one_person_once_they_were_seen_together(
    api: Api, tenant: Tenant, consent: Consent
) -> None:
    await give(api, tenant)
    await by_bsuid(api, tenant, "/v1/consents:withdraw", purpose="marketing")
    user = crypto.blind_index(tenant.index_key, "bsuid", BSUID)
    both = msgspec.structs.replace(inbound(tenant.id, tenant.person(), NOON), bsuid=user)
    await consent.hears(both)
    found = [
        await api.get("/v1/consents", tenant_id=tenant.id, **name) for name in ({"phone": PHONE}, {"bsuid": BSUID})
    ]
    assert found[0].json() == found[1].json()
    assert {one["purpose"]: one["state"] for one in found[0].json()["consents"]} == {
        "service": "given",
        "marketing": "withdrawn",
    }


async def test_a_person_is_named_in_exactly_one_way(api: Api, tenant: Tenant) -> None:
    twice = msgspec.json.encode({"phone": PHONE, "bsuid": BSUID})
    for answer in (
        await api.post("/v1/consents:withdraw", twice, tenant_id=tenant.id),
        await api.post("/v1/consents:withdraw", b"{}", tenant_id=tenant.id),
        await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE, bsuid=BSUID),
    ):
        assert (answer.status, "only by one of them" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("bsuid", ["", "90210442100317", "ru.1", "RU.", "RU.1 2", "RU." + "1" * 129])
async def test_what_is_no_bsuid_is_422(api: Api, tenant: Tenant, bsuid: str) -> None:
    answer = await api.post("/v1/consents:withdraw", msgspec.json.encode({"bsuid": bsuid}), tenant_id=tenant.id)
    assert (answer.status, answer.json()["detail"].startswith("bsuid: ")) == (422, True)


async def test_a_malformed_consent_is_refused_whole(api: Api, tenant: Tenant, database: Database) -> None:
    assert (await give(api, tenant, ip="nowhere")).status == 422
    async with database.transaction() as connection:
        for table in ("consent_events", "consents", "persons", "outbox"):
            assert await connection.scalar(text(f"select count(*) from {table}")) == 0


async def test_what_the_person_did_elsewhere_is_told_with_where_it_came_from(
    api: Api, tenant: Tenant, consent: Consent
) -> None:
    old, new = (Alias(kind="phone", index=tenant.person(number)) for number in ("+79160000001", PHONE))
    await consent.hears(inbound(tenant.id, old.index, NOON, "stop"))
    await consent.is_told(renamed(tenant.id, old, new, NOON + HOUR))
    listed = (await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)).json()["consents"]
    assert {one["state"] for one in listed} == {"withdrawn"}
    assert [(item["act"], item["carried"]) for item in listed[0]["history"]] == [("stopped", True)]
    left = (await api.get("/v1/consents", tenant_id=tenant.id, phone="+79160000001")).json()["consents"]
    assert [(item["act"], item["carried"]) for item in left[0]["history"]] == [("moved", False), ("stopped", False)]


async def test_a_consent_from_before_the_number_was_left_answers_409(
    api: Api, tenant: Tenant, consent: Consent
) -> None:
    current = Alias(kind="phone", index=tenant.person("+79160000001"))
    await consent.is_told(renamed(tenant.id, Alias(kind="phone", index=tenant.person()), current, NOON))
    answer = await give(api, tenant, given_at=(NOON - HOUR).isoformat())
    assert (answer.status, answer.json()["title"]) == (409, "number_left")
    assert (await give(api, tenant, given_at=(NOON + HOUR).isoformat())).status == 201
