"""Many messages in one request: each has its own fate, and the door stays open for others meanwhile."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.gateway.graph import batches
from services.gateway.graph.batch_pacing import SLICE
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.kafka.record import decode
from tests.gateway.stand import AnotherGateway, Answer, Gateway, Tenant, Topic, template, text

PATH = "/v1/messages:batch"


def item(tenant: Tenant, message: Any, **more: Any) -> dict[str, Any]:
    return {"phone_number_id": tenant.phone_number_id, "message": message, **more}


async def post(gateway: Gateway, tenant: Tenant, *items: Any) -> Answer:
    return await gateway.ask("POST", PATH, key=tenant.api_key, json={"messages": list(items)})


async def accepted(topic: Topic, tenant: Tenant) -> list[MessageAccepted]:
    events = [decode(record.headers, record.value) for record in await topic.read()]
    found = [event for event in events if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id]
    return sorted(found, key=lambda event: event.message_id)  # lanes have partitions of their own


async def test_every_message_has_its_own_result_in_order(
    gateway: Gateway, tenant: Tenant, other_tenant: Tenant, messages: Topic
) -> None:
    answer = await post(
        gateway,
        tenant,
        item(tenant, text("первое")),
        item(tenant, text("")),
        item(other_tenant, text("чужой номер")),
        item(tenant, template("58"), expires_in=60),
        item(tenant, template()),
        7,
        {"phone_number_id": tenant.phone_number_id},
        item(tenant, text(), expires_in=59),
        item(tenant, text(), idempotency_key="ключ"),
        item(tenant, {"messaging_product": "whatsapp", "status": "read", "message_id": "x"}),
        item(tenant, text("последнее", max_price="1.00")),
    )
    assert answer.status == 200
    results = answer.json()["results"]
    codes = [result["error"]["code"] if "error" in result else None for result in results]
    assert codes == [None, 131008, 100, None, 132000, 100, 131008, 131009, 100, 131051, None]
    assert [result["status"] for result in results] == [200 if code is None else 400 for code in codes]
    good = [result["response"] for result in results if "response" in result]
    assert all(one["messaging_product"] == "whatsapp" and one["contacts"] for one in good)
    assert results[5]["error"]["error_data"]["details"].startswith("messages[5]: expected `object`")
    assert results[6]["error"]["error_data"]["details"] == "messages[6].message is required."
    events = await accepted(messages, tenant)
    assert {str(event.message_id) for event in events} == {one["messages"][0]["id"] for one in good}
    by_id = {str(event.message_id): event for event in events}
    short, priced = (by_id[one["messages"][0]["id"]] for one in good[1:])
    assert short.expires_at - short.occurred_at == timedelta(seconds=60)
    assert priced.max_price_micros == 1_000_000


async def test_one_message_that_is_too_long_spoils_no_other(gateway: Gateway, tenant: Tenant) -> None:
    long = item(tenant, text(x="x" * (192 * 1024)))
    answer = await post(gateway, tenant, item(tenant, text()), long, item(tenant, text()))
    assert [result["status"] for result in answer.json()["results"]] == [200, 413, 200]


async def test_a_thousand_are_taken_in_the_order_of_the_request_and_others_get_their_turn(
    gateway: Gateway, tenant: Tenant, messages: Topic
) -> None:
    many = asyncio.create_task(post(gateway, tenant, *(item(tenant, text(str(n))) for n in range(1_000))))
    while not many.done():
        assert (await gateway.ask("GET", "/healthz")).status == 200
    ids = [result["response"]["messages"][0]["id"] for result in (await many).json()["results"]]
    assert len(set(ids)) == 1_000
    assert [str(event.message_id) for event in await accepted(messages, tenant)] == ids  # one person: one partition
    assert all(UUID(one).version == 7 for one in ids)


async def test_a_batch_repeated_with_its_keys_is_one_set_of_messages(
    gateway: Gateway, tenant: Tenant, messages: Topic
) -> None:
    items = [item(tenant, text(), idempotency_key=f"batch-{number}") for number in range(20)]
    first, second = await post(gateway, tenant, *items), await post(gateway, tenant, *items)
    assert first.json() == second.json()
    assert len(await accepted(messages, tenant)) == 20


async def test_what_is_no_batch_is_refused_whole(gateway: Gateway, tenant: Tenant) -> None:
    for body, detail in (
        (b"{", "The body is not valid JSON in UTF-8: send one JSON object."),
        (b"{}", "messages is required."),
        (b'{"messages":[]}', "messages is required and must not be empty."),
        (json.dumps({"messages": [1] * 1_001}).encode(), "messages must hold at most 1000 items."),
    ):
        answer = await gateway.ask("POST", PATH, key=tenant.api_key, data=body)
        assert (answer.status, answer.json()["detail"]) == (422, detail)
        assert answer.headers["Content-Type"] == "application/problem+json"
    answer = await gateway.ask("POST", PATH, key="vk_live_nobody", data=b"{}")
    assert (answer.status, answer.json()["title"]) == (401, "unauthorized")


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_batch_over_its_limit_is_a_413(gateway: Gateway, tenant: Tenant, is_chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(0, batches.BYTES_MAX + 1, 65_536):
            yield b" " * 65_536

    data = pieces() if is_chunked else b" " * (batches.BYTES_MAX + 1)
    answer = await gateway.ask("POST", PATH, key=tenant.api_key, data=data)
    assert (answer.status, answer.json()["title"]) == (413, "too_large")


async def test_each_message_counts_against_the_rate(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway(accept_per_second=5) as slow:
        results = (await post(slow, tenant, *(item(tenant, text()) for _ in range(10)))).json()["results"]
    assert [result["status"] for result in results[:5]] == [200] * 5
    assert {result["status"] for result in results[5:]} == {429}
    assert results[-1]["error"]["code"] == 130429


async def test_too_many_batches_at_once_are_told_to_come_back(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway() as process:
        process.app.state.batches._in_flight = batches.IN_FLIGHT_MAX
        answer = await post(process, tenant, item(tenant, text()))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_batch_that_would_wait_too_long_is_told_to_come_back_and_a_lost_client_leaves_the_line(
    another_gateway: AnotherGateway, tenant: Tenant
) -> None:
    async with another_gateway() as process:
        pacing = process.app.state.batches._pacing
        pacing.waiting, pacing._cycle_seconds = 1_000, batches.LINE_SECONDS_MAX
        answer = await post(process, tenant, item(tenant, text()))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        pacing.waiting = 0
        async with pacing.turn(1):
            gone = asyncio.create_task(process.app.state.batches._post_all(None, [b"{}"] * 300))
            await asyncio.sleep(0)
            assert pacing.waiting == 300
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            assert pacing.waiting == 0


async def test_a_process_that_stops_tells_what_it_took_and_takes_no_more(
    another_gateway: AnotherGateway, tenant: Tenant
) -> None:
    async with another_gateway() as process:
        pacing = process.app.state.batches._pacing
        stop = asyncio.Event()
        watching = asyncio.create_task(pacing.run(stop))
        asking = asyncio.create_task(post(process, tenant, *(item(tenant, text(str(n))) for n in range(3 * SLICE))))
        while pacing.waiting != 2 * SLICE:  # noqa: ASYNC110  # the first slice has begun
            await asyncio.sleep(0)
        stop.set()
        await watching
        results = (await asking).json()["results"]
    assert [result["status"] for result in results] == [200] * SLICE + [503] * (2 * SLICE)
    assert results[-1]["retry_after_seconds"] == 1


async def test_one_account_cannot_take_every_place(
    another_gateway: AnotherGateway, tenant: Tenant, other_tenant: Tenant
) -> None:
    async with another_gateway() as process:
        process.app.state.batches._of_tenant[tenant.id] = batches.TENANT_IN_FLIGHT_MAX
        refused = await post(process, tenant, item(tenant, text()))
        taken = await post(process, other_tenant, item(other_tenant, text()))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert "batches of one account" in refused.json()["detail"]
    assert taken.json()["results"][0]["status"] == 200


async def test_headers_say_how_long_and_how_dear(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    headers = {"X-Vestnik-Expires-In": "3600", "X-Vestnik-Max-Price": "6.00"}
    for request in (text(), text(max_price="2.50")):
        answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, json=request, headers=headers)
        assert answer.status == 200
    first, second = await accepted(messages, tenant)
    assert first.expires_at - first.occurred_at == timedelta(hours=1)
    assert (first.max_price_micros, second.max_price_micros) == (6_000_000, 2_500_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Vestnik-Expires-In", "59"),
        ("X-Vestnik-Expires-In", "2592001"),
        ("X-Vestnik-Expires-In", "an hour"),
        ("X-Vestnik-Expires-In", "1e3"),
        ("X-Vestnik-Expires-In", ""),
        ("X-Vestnik-Max-Price", "-1"),
        ("X-Vestnik-Max-Price", "NaN"),
        ("X-Vestnik-Max-Price", "0.0000001"),
        ("X-Vestnik-Max-Price", "1e20"),
        ("X-Vestnik-Max-Price", "1_0"),
        ("X-Vestnik-Max-Price", "1" * 13),
    ],
)
async def test_a_bad_header_is_refused_by_its_name(gateway: Gateway, tenant: Tenant, name: str, value: str) -> None:
    answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, json=text(), headers={name: value})
    assert (answer.status, answer.error["code"]) == (400, 131009)
    assert answer.error["error_data"]["details"].startswith(f"{name} must be")


async def test_the_same_key_with_other_terms_is_another_request(gateway: Gateway, tenant: Tenant) -> None:
    assert (await gateway.send(tenant, text(), idempotency_key="terms")).status == 200
    assert (await gateway.send(tenant, text(max_price="1.00"), idempotency_key="terms")).status == 422


async def test_an_upload_that_does_not_exist_is_named_by_its_field(gateway: Gateway, tenant: Tenant) -> None:
    for media_id in ("01890a5d-ac96-774b-bcce-b302099a8057", "1166846181421424"):
        request = {"messaging_product": "whatsapp", "to": "+79161234567", "type": "image", "image": {"id": media_id}}
        answer = await gateway.send(tenant, request)
        assert (answer.status, answer.error["code"]) == (400, 131009)
        assert answer.error["error_data"]["details"].startswith("image.id: there is no such upload for this number")


async def test_a_person_with_a_user_id_is_answered_by_it(gateway: Gateway, tenant: Tenant, messages: Topic) -> None:
    request = {"messaging_product": "whatsapp", "recipient": "US.13491208655302741918", "text": {"body": "x"}}
    answer = await gateway.send(tenant, request)
    assert answer.json()["contacts"] == [{"input": "US.13491208655302741918", "user_id": "US.13491208655302741918"}]
    [event] = await accepted(messages, tenant)
    assert (event.country, event.lane) == ("US", "express")
