"""The cases of billing-consent-keys 2.4 that live here (C5, C6, C8-C14, C17), from the outside."""

from typing import Any

import msgspec
import pytest

from services.kernel import clock
from tests.consent.conftest import Api
from tests.consent.stand import HOUR, NOON, PHONE, Consent, Tenant, accepted, inbound, preferred, reported

PURPOSES = ("service", "authentication", "marketing")


async def agree(api: Api, tenant: Tenant, purpose: str = "service", at: str = "2026-01-01T00:00:00Z") -> Any:
    evidence = {"source": "own_form", "text": "Согласен", "given_at": at}
    body = msgspec.json.encode({"phone": PHONE, "purpose": purpose, "evidence": evidence})
    return await api.post("/v1/consents", body, tenant_id=tenant.id)


async def withdraw(api: Api, tenant: Tenant, **more: str) -> None:
    body = msgspec.json.encode({"phone": PHONE} | more)
    assert (await api.post("/v1/consents:withdraw", body, tenant_id=tenant.id)).status == 200


async def listed(api: Api, tenant: Tenant) -> dict[str, Any]:
    answer = await api.get("/v1/consents", tenant_id=tenant.id, phone=PHONE)
    return {one["purpose"]: one for one in answer.json()["consents"]}


async def states(api: Api, tenant: Tenant) -> dict[str, str]:
    return {purpose: one["state"] for purpose, one in (await listed(api, tenant)).items()}


async def test_c5_start_gives_back_only_what_stop_removed_and_is_kept(
    api: Api, consent: Consent, tenant: Tenant
) -> None:
    await agree(api, tenant, "service")
    await withdraw(api, tenant, purpose="authentication")
    stop = clock.now() + HOUR
    await consent.hears(inbound(tenant.id, tenant.person(), stop, "stop"))
    await consent.hears(inbound(tenant.id, tenant.person(), stop + HOUR, "start"))
    found = await listed(api, tenant)
    assert {purpose: one["state"] for purpose, one in found.items()} == {
        "service": "given",
        "authentication": "withdrawn",
        "marketing": "unknown",
    }
    assert [item["act"] for item in found["service"]["history"]] == ["started", "stopped", "given"]


async def test_c6_start_without_an_earlier_consent_gives_none(api: Api, consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON, "start"))
    assert set((await states(api, tenant)).values()) == {"unknown"}


async def test_c8_a_stop_at_one_number_of_a_brand_holds_at_all_of_them(
    api: Api, consent: Consent, tenant: Tenant
) -> None:
    await agree(api, tenant)
    await consent.hears(inbound(tenant.id, tenant.person(), NOON, "stop", number="a"))
    with clock.frozen(NOON + HOUR):
        (fact,) = await consent.accepts(accepted(tenant.id, tenant.person(), number="b"))
    assert (fact.code, fact.reason) == (131050, "withdrawn")


async def test_c9_a_resume_that_is_older_and_comes_later_lifts_nothing(
    api: Api, consent: Consent, tenant: Tenant
) -> None:
    await agree(api, tenant, "marketing")
    await consent.is_told(preferred(tenant.id, tenant.person(), "stop", NOON))
    await consent.is_told(preferred(tenant.id, tenant.person(), "resume", NOON - HOUR))
    assert await states(api, tenant) == {"marketing": "withdrawn"}
    await consent.is_told(preferred(tenant.id, tenant.person(), "resume", NOON + HOUR))
    assert await states(api, tenant) == {"marketing": "given"}


@pytest.mark.parametrize(("code", "state"), [(131050, "withdrawn"), (131049, "given")])
async def test_c10_c11_131050_is_a_withdrawal_of_marketing_and_131049_is_none(
    api: Api, consent: Consent, tenant: Tenant, code: int, state: str
) -> None:
    await agree(api, tenant, "service")
    await agree(api, tenant, "marketing")
    message = accepted(tenant.id, tenant.person())
    await consent.accepts(message)
    await consent.learns(reported(tenant.id, message.message_id, NOON, code=code))
    found = await listed(api, tenant)
    assert (found["marketing"]["state"], found["service"]["state"]) == (state, "given")
    if state == "withdrawn":
        assert found["marketing"]["source"] == "platform_error"


async def test_c12_of_a_consent_and_a_withdrawal_at_one_moment_the_withdrawal_counts(api: Api, tenant: Tenant) -> None:
    with clock.frozen(NOON):
        await withdraw(api, tenant, purpose="service")
        assert (await agree(api, tenant, at=NOON.isoformat())).status == 409
    assert await states(api, tenant) == {"service": "withdrawn"}


async def test_c13_a_decision_about_everything_covers_each_purpose(api: Api, tenant: Tenant) -> None:
    await agree(api, tenant, "service")
    await withdraw(api, tenant)
    assert await states(api, tenant) == dict.fromkeys(PURPOSES, "withdrawn")


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_c14_a_decision_about_one_purpose_covers_neither_everything_nor_the_others(
    api: Api, tenant: Tenant, purpose: str
) -> None:
    for one in PURPOSES:
        await agree(api, tenant, one)
    await withdraw(api, tenant, purpose=purpose)
    assert await states(api, tenant) == dict.fromkeys(PURPOSES, "given") | {purpose: "withdrawn"}


async def test_nothing_can_be_agreed_to_for_everything_at_once(api: Api, tenant: Tenant) -> None:
    """152-FZ art. 9: one consent may not be merged with another."""
    for purpose in ("everything", None, ["service", "marketing"]):
        body = msgspec.json.encode({"phone": PHONE, "purpose": purpose, "evidence": {"source": "app", "text": "yes"}})
        assert (await api.post("/v1/consents", body, tenant_id=tenant.id)).status == 422


async def test_c17_an_import_older_than_a_withdrawal_is_history(api: Api, tenant: Tenant) -> None:
    with clock.frozen(NOON):
        await withdraw(api, tenant, purpose="service")
    evidence = {"source": "import", "text": "yes", "given_at": "2024-01-01T00:00:00Z", "attested_by": "A. Petrova"}
    body = msgspec.json.encode({"phone": PHONE, "purpose": "service", "evidence": evidence})
    answer = await api.post("/v1/consents", body, tenant_id=tenant.id)
    assert (answer.status, answer.json()["title"]) == (409, "withdrawn_later")
    (found,) = (await listed(api, tenant)).values()
    assert found["state"] == "withdrawn"
    assert [(item["act"], item["level"]) for item in found["history"]] == [("withdrawn", None), ("given", "attested")]


async def test_a_message_opens_a_window_and_is_no_consent(api: Api, consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON))
    assert await states(api, tenant) == {}
