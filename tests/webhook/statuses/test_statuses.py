"""Meta's reports as they arrive on the topic `statuses`."""

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from services.kernel import crypto
from services.kernel.contracts.statuses import Pricing, StatusReported
from tests.webhook import meta
from tests.webhook.door import Door, Tenant, Topics

OUR_ID = "0193a5c0-7d2e-7c11-9c1f-5a0c9d8e7f60"


async def reported(topics: Topics, tenant: Tenant) -> list[StatusReported]:
    return [fact for fact in await topics.facts_of(tenant) if isinstance(fact, StatusReported)]


async def test_a_report_becomes_a_fact_with_our_message_id(door: Door, topics: Topics, tenant: Tenant) -> None:
    wamid = meta.new_wamid()
    assert await door.post(meta.example("status_sent", phone_number_id=tenant.phone_number_id, wamid=wamid)) == 200
    [fact] = await reported(topics, tenant)
    assert fact.message_id == UUID(OUR_ID)
    assert fact.routing_key == OUR_ID
    assert fact.wamid_index == tenant.index("wamid", wamid)
    assert fact.phone_number_id == tenant.phone_number_id
    assert fact.status == "sent"
    assert fact.occurred_at == datetime.fromtimestamp(1795360010, UTC)
    assert fact.pricing == Pricing(billable=True, pricing_model="PMP", type="regular", category="utility")
    assert fact.error_code is None


async def test_a_failure_carries_its_code_and_metas_own_words_under_seal(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    body = meta.example("status_failed", phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    assert await door.post(body) == 200
    [fact] = await reported(topics, tenant)
    assert fact.error_code == 131026
    assert fact.details is not None
    place = crypto.Place(tenant.id, "statuses", "details", str(fact.id))
    opened = json.loads(crypto.open_sealed(tenant.data_key, place, fact.details))
    value = meta.value_of(body)
    assert opened == {"status": value["statuses"][0], "contact": next(iter(value.get("contacts", [])), None)}


async def test_what_is_not_our_id_is_routed_by_the_wamid(door: Door, topics: Topics, tenant: Tenant) -> None:
    foreign = [None, "basket 7", OUR_ID.upper(), OUR_ID.replace("-", ""), f"{{{OUR_ID}}}", f"{OUR_ID}\n"]
    wamids = [meta.new_wamid() for _ in foreign]
    statuses = [
        meta.status(wamid, biz_opaque_callback_data=echoed) for wamid, echoed in zip(wamids, foreign, strict=True)
    ]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))) == 200
    facts = await reported(topics, tenant)
    assert {fact.routing_key for fact in facts} == {tenant.index("wamid", wamid) for wamid in wamids}
    assert {fact.message_id for fact in facts} == {None}


async def test_the_same_signed_webhook_twice_says_the_same_facts(door: Door, topics: Topics, tenant: Tenant) -> None:
    body = meta.example("status_sent", phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    assert [await door.post(body), await door.post(body)] == [200, 200]
    first, second = (msgspec.structs.asdict(fact) for fact in await reported(topics, tenant))
    assert first.pop("details") != second.pop("details")  # sealed anew
    assert first == second


async def test_the_same_status_in_another_webhook_is_the_same_fact(door: Door, topics: Topics, tenant: Tenant) -> None:
    wamid = meta.new_wamid()
    for timestamp in ("1795360020", 1795360099):
        report = meta.status(wamid, timestamp=timestamp)
        assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=[report]))) == 200
    read = meta.status(wamid, "read")
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=[read]))) == 200
    first, second, third = await reported(topics, tenant)
    assert first.id == second.id != third.id


async def test_two_tenants_share_no_index_and_no_id(
    door: Door, topics: Topics, tenant: Tenant, other_tenant: Tenant
) -> None:
    wamid = meta.new_wamid()
    for owner in (tenant, other_tenant):
        body = meta.webhook(meta.about(owner.phone_number_id, statuses=[meta.status(wamid)]))
        assert await door.post(body) == 200
    [one], [other] = await reported(topics, tenant), await reported(topics, other_tenant)
    assert one.id != other.id
    assert one.wamid_index != other.wamid_index


async def test_a_thousand_reports_in_one_webhook_are_a_thousand_facts(
    door: Door, topics: Topics, tenant: Tenant
) -> None:
    statuses = [meta.status(meta.new_wamid(), "read") for _ in range(1_000)]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))) == 200
    facts = await reported(topics, tenant)
    assert {fact.wamid_index for fact in facts} == {tenant.index("wamid", status["id"]) for status in statuses}
    assert len(facts) == 1_000


@pytest.mark.parametrize(
    ("name", "reason"), [("played", "status_played"), ("deleted", "status_deleted"), ("sung", "status_other")]
)
async def test_a_status_without_use_is_counted_and_the_others_go_on(
    door: Door, topics: Topics, tenant: Tenant, name: str, reason: str
) -> None:
    series = f'webhook_ignored_total{{reason="{reason}"}}'
    before = await door.metric(series)
    statuses = [meta.status(meta.new_wamid(), name), meta.status(meta.new_wamid())]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))) == 200
    assert [fact.status for fact in await reported(topics, tenant)] == ["delivered"]
    assert await door.metric(series) == before + 1


async def test_an_error_code_that_no_column_holds_does_not_travel(door: Door, topics: Topics, tenant: Tenant) -> None:
    odd = meta.status(meta.new_wamid(), "failed", errors=[{"code": 2**31}])
    largest = meta.status(meta.new_wamid(), "failed", errors=[{"code": 2**31 - 1}])
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=[odd, largest]))) == 200
    assert [fact.error_code for fact in await reported(topics, tenant)] == [2**31 - 1]
