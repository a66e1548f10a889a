"""What a tenant reads about a message: its shape, its price, its history, and nothing of anybody else's."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.history.owners import STEP, Owners
from tests.gateway.history.stand import page, read, told
from tests.gateway.messages.stand import Desk, Story, new_id
from tests.gateway.stand import Gateway, Tenant

PARTS = {"decisions": "trace", "charges": "charges"}

# A fact that was put into a delivery, which is under way together with another message's.
PACKED = """
    with fact as (
        delete from callback_queue waiting using callback_facts fact
         where fact.subject_id = :id and fact.endpoint_id = :endpoint and waiting.endpoint_id = :endpoint
           and waiting.sequence = fact.sequence / 100
        returning waiting.*
    ),
    told as (
        insert into callback_told (endpoint_id, tenant_id, delivery_id, is_again, made_at, sequences, places,
                                   subject_ids)
        select endpoint_id, tenant_id, :delivery, false, made_at, array[sequence, sequence], '{0,1}',
               array[cast(:other as uuid), cast(:id as uuid)]
          from fact
    )
    insert into callback_deliveries (id, tenant_id, endpoint_id, body, facts, conversations, due_at)
    values (:delivery, :tenant, :endpoint, '', 2, '{}', now())
"""

MISSING = {
    "type": "urn:vestnik:problem:not_found",
    "title": "not_found",
    "status": 404,
    "detail": "there is no such message; use the id from messages[0].id of the send answer",
}


async def test_a_message_is_shown_as_promised(gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners) -> None:
    story = await told(desk, tenant, "accepted", "funded", "sent", "delivered")
    owners.cleared(story.id, story.cleared_at)
    owners.charged(story.id, "captured", captured_at=story.began + timedelta(seconds=7))
    shown = await read(gateway, tenant, story.id)
    events = shown.pop("events")
    assert shown == {
        "id": str(story.id),
        "state": "delivered",
        "error": None,
        "price": {"amount": "6.00", "currency": "RUB"},
        "trace": [STEP],
    }
    assert [event["type"] for event in events] == ["accepted", "cleared", "funded", "sent", "delivered", "captured"]
    for event in events:
        assert event["at"].endswith("Z")
        assert datetime.fromisoformat(event["at"]).tzinfo is not None
    assert sorted(owners.asked) == [(part, str(tenant.id), str(story.id)) for part in ("charges", "decisions")]


async def test_a_message_that_waits_has_no_price_no_error_and_an_empty_trace(
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners
) -> None:
    story = await told(desk, tenant, "accepted")
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["price"], shown["error"], shown["trace"]) == ("accepted", None, None, [])
    assert owners.asked == [("decisions", str(tenant.id), str(story.id))]  # nothing is charged that is not funded


async def test_a_message_is_sending_from_the_beginning_of_its_first_call_until_it_is_sent(
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners
) -> None:
    story, worker = await told(desk, tenant, "accepted", "funded"), Worker(desk)
    for outcome in ("requeue", "sent"):
        await desk.run("update dispatch_queue set due_at = now() where message_id = :i", i=story.id)
        attempt = await worker.begin(story)
        shown = await read(gateway, tenant, story.id)
        assert shown["state"] == "sending"
        assert [event["type"] for event in shown["events"]] == ["accepted", "cleared", "funded", "sending"]
        assert [one["id"] for one in (await page(gateway, tenant, state="sending"))["data"]] == [str(story.id)]
        assert str(story.id) not in {one["id"] for one in (await page(gateway, tenant, state="funded"))["data"]}
        await worker.report(result(story, outcome, attempt))
        after = await read(gateway, tenant, story.id)
        assert (after["state"], after["events"][3]["type"]) == ({"requeue": "sending"}.get(outcome, outcome), "sending")


async def test_a_message_is_cleared_as_soon_as_consent_says_so(
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners
) -> None:
    story = await told(desk, tenant, "accepted")
    owners.cleared(story.id, story.cleared_at)
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], [event["type"] for event in shown["events"]]) == ("cleared", ["accepted", "cleared"])


async def test_money_that_went_back_and_money_that_was_earned_late_both_show(
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners
) -> None:
    story = await told(desk, tenant, "accepted", "funded")
    back, earned = story.began + timedelta(seconds=8), story.began + timedelta(seconds=9)
    owners.charged(story.id, "captured", returned_at=back, captured_at=earned)
    events = {event["type"]: event["at"] for event in (await read(gateway, tenant, story.id))["events"]}
    assert (datetime.fromisoformat(events["released"]), datetime.fromisoformat(events["captured"])) == (back, earned)


@pytest.mark.parametrize(
    "ailments",
    [
        {"charges": "silent"},
        {"decisions": "silent"},
        {"decisions": "silent", "charges": "silent"},
        {"decisions": "broken", "charges": "broken"},
        {"decisions": "nonsense", "charges": "forbidden"},
    ],
)
async def test_an_owner_that_does_not_say_leaves_out_its_part_and_the_answer_says_so(
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners, ailments: dict[str, str]
) -> None:
    story = await told(desk, tenant, "accepted", "funded", "delivered")
    owners.cleared(story.id, story.cleared_at)
    owners.charged(story.id, "captured", captured_at=story.began + timedelta(seconds=7))
    answers = {"broken": (503, "{}"), "nonsense": (200, '{"outcome": "perhaps"}'), "forbidden": (403, "{}")}
    owners.silent |= {part for part, ailment in ailments.items() if ailment == "silent"}
    owners.broken |= {part: answers[ailment] for part, ailment in ailments.items() if ailment in answers}
    async with asyncio.timeout(3):
        shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["price"]["amount"]) == ("delivered", "6.00")
    assert shown["incomplete"] == [PARTS[part] for part in PARTS if part in ailments]
    happened = {event["type"] for event in shown["events"]}
    assert {"accepted", "cleared", "funded", "delivered"} <= happened
    assert (shown["trace"] == [], "captured" not in happened) == ("decisions" in ailments, "charges" in ailments)


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
    gateway: Gateway, desk: Desk, tenant: Tenant, owners: Owners
) -> None:
    story = await told(desk, tenant, "accepted", "refused")
    owners.refused(story.id, story.cleared_at)
    shown = await read(gateway, tenant, story.id)
    assert (shown["state"], shown["error"]["code"], shown["error"]["reason"]) == ("failed", 131050, "no_consent")
    assert shown["error"]["text"].startswith("The person has not agreed")
    assert shown["trace"][0]["outcome"] == "refuse"
    assert [event["type"] for event in shown["events"]] == ["accepted", "failed"]


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
    story = await told(desk, tenant, "accepted", "funded", began=began)
    await desk.run(
        """update messages set cleared_at = accepted_at + interval '100 ms',
                  funded_at = accepted_at + interval '200 ms',
                  sending_at = accepted_at + interval '300 ms', sent_at = accepted_at, delivered_at = accepted_at,
                  state = 6
            where id = :i""",
        i=story.id,
    )
    events = [event["type"] for event in (await read(gateway, tenant, story.id))["events"]]
    assert events == ["accepted", "cleared", "funded", "sending", "sent", "delivered"]


async def test_a_message_is_called_back_once_a_callback_about_it_was_taken(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story, foreign = await told(desk, tenant, "accepted", "funded", "sent"), Story()
    [endpoint] = await desk.rows("select id from callback_endpoints where tenant_id = :t and is_first", t=tenant.id)
    assert "called_back" not in await _events(gateway, tenant, story)
    await desk.run(PACKED, delivery=new_id(), endpoint=endpoint.id, tenant=tenant.id, id=story.id, other=foreign.id)
    assert "called_back" not in await _events(gateway, tenant, story)
    await desk.run("delete from callback_deliveries where endpoint_id = :e", e=endpoint.id)
    assert "called_back" in await _events(gateway, tenant, story)


async def _events(gateway: Gateway, tenant: Tenant, story: Story) -> list[str]:
    return [event["type"] for event in (await read(gateway, tenant, story.id))["events"]]


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
