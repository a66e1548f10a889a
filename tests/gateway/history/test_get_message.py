"""What a tenant reads about a message: its shape, its price, its history, and nothing of anybody else's."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.gateway.history.stand import read, told
from tests.gateway.messages.stand import Desk, Story, new_id
from tests.gateway.stand import Gateway, Tenant

MISSING = {
    "type": "urn:vestnik:problem:not_found",
    "title": "not_found",
    "status": 404,
    "detail": "there is no such message; use the id from messages[0].id of the send answer",
}


async def test_a_message_is_shown_as_promised(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "accepted", "cleared", "funded", "sent", "delivered", "captured")
    shown = await read(gateway, tenant, story.id)
    events = shown.pop("events")
    assert shown == {
        "id": str(story.id),
        "state": "delivered",
        "error": None,
        "price": {"amount": "6.00", "currency": "RUB"},
        "trace": [{"rule": "consent", "version": 1, "outcome": "allow", "facts": {"state": "given"}}],
    }
    assert [event["type"] for event in events] == ["accepted", "cleared", "funded", "sent", "delivered", "captured"]
    for event in events:
        assert event["at"].endswith("Z")
        assert datetime.fromisoformat(event["at"]).tzinfo is not None


async def test_a_message_that_waits_has_no_price_no_error_and_an_empty_trace(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story = await told(desk, tenant, "accepted")
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["price"], shown["error"], shown["trace"]) == ("accepted", None, None, [])


@pytest.mark.parametrize(
    ("micros", "amount"),
    [(0, "0.00"), (6_000_000, "6.00"), (300_000, "0.30"), (1, "0.000001"), (60_000_000, "60.00"), (305_000, "0.305")],
)
async def test_a_price_is_an_exact_decimal(
    gateway: Gateway, desk: Desk, tenant: Tenant, micros: int, amount: str
) -> None:
    story = await told(desk, tenant, "accepted")
    await desk.tell(story.funded(micros))
    assert (await read(gateway, tenant, story.id))["price"] == {"amount": amount, "currency": "RUB"}


async def test_a_refusal_is_a_failure_with_metas_code_our_reason_and_words(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story = await told(desk, tenant, "accepted", "refused")
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["error"]["code"], shown["error"]["reason"]) == ("failed", 131050, "no_consent")
    assert shown["error"]["text"].startswith("The person has not agreed")
    assert shown["trace"][0]["outcome"] == "refuse"


async def test_an_expired_message_says_so(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "accepted")
    await desk.run("update messages set state = 9, expired_at = now() where id = :i", i=story.id)
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["error"]["reason"], shown["events"][-1]["type"]) == ("expired", "expired", "expired")


async def test_metas_whole_seconds_stand_after_what_led_to_them_and_ours_stand_as_they_are(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    # Accepted on a whole second, sent 300 ms later, delivered "in the same second" as Meta counts.
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=20)
    story = await told(desk, tenant, "accepted", "cleared", "funded", began=began)
    await desk.run(
        """update messages set cleared_at = accepted_at + interval '100 ms',
                  funded_at = accepted_at + interval '200 ms',
                  sending_at = accepted_at + interval '300 ms', sent_at = accepted_at, delivered_at = accepted_at,
                  called_back_at = accepted_at + interval '2 seconds', state = 6
            where id = :i""",
        i=story.id,
    )
    events = [event["type"] for event in (await read(gateway, tenant, story.id))["events"]]
    assert events == ["accepted", "cleared", "funded", "sending", "sent", "delivered", "called_back"]


async def test_a_message_that_was_accepted_a_moment_ago_is_waited_for(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story = Story(tenant_id=tenant.id, phone_number_id=tenant.phone_number_id)
    asking = asyncio.create_task(read(gateway, tenant, story.id))
    await asyncio.sleep(0.2)
    await desk.tell(story.accepted())
    assert (await asking)["state"] == "accepted"


async def test_half_a_message_is_not_shown(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "funded")
    answer = await gateway.ask("GET", f"/v1/messages/{story.id}", key=tenant.api_key)
    assert (answer.status, answer.json()) == (404, MISSING)


async def test_what_does_not_exist_is_another_tenants_or_is_no_id_is_answered_alike(
    gateway: Gateway, desk: Desk, tenant: Tenant, other_tenant: Tenant
) -> None:
    foreign = await told(desk, other_tenant, "accepted")
    ids = [new_id(), uuid4(), foreign.id, "wamid.HBgL", "0", "%00", "a" * 500, "00000000-0000-0000-0000-00000000000g"]
    answers = await asyncio.gather(*(gateway.ask("GET", f"/v1/messages/{id_}", key=tenant.api_key) for id_ in ids))
    for answer in answers:
        assert (answer.status, answer.json()) == (404, MISSING)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_nothing_is_shown_without_a_key(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "accepted")
    for key in (None, "vk_wrong"):
        assert (await gateway.ask("GET", f"/v1/messages/{story.id}", key=key)).status == 401
