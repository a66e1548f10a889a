"""The door: who is let in, and what happens to what they bring."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from services.webhook.intake.endpoints import BODY_BYTES_MAX
from tests.webhook import meta
from tests.webhook.door import SECRETS, VERIFY_TOKEN, Door, Tenant, Topics

SIGNED = 'webhook_requests_rejected_total{reason="signature"}'


async def handshake(door: Door, **changes: str) -> tuple[int, str, str]:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
    asked |= {f"hub.{name}": value for name, value in changes.items()}
    async with door.http.get(f"{door.url}/webhook", params=asked) as answer:
        return answer.status, await answer.text(), answer.content_type


async def test_the_handshake_gives_the_challenge_back(door: Door) -> None:
    assert await handshake(door) == (200, "1158201444", "text/plain")


@pytest.mark.parametrize("changes", [{"verify_token": "another"}, {"verify_token": ""}, {"mode": "unsubscribe"}])
async def test_a_handshake_without_our_word_is_refused(door: Door, changes: dict[str, str]) -> None:
    status, text, _ = await handshake(door, **changes)
    assert status == 403
    assert "1158201444" not in text


async def test_a_handshake_that_asks_nothing_is_refused(door: Door) -> None:
    async with door.http.get(f"{door.url}/webhook") as answer:
        assert answer.status == 403


@pytest.mark.parametrize("secret", SECRETS)
async def test_every_secret_of_the_app_opens_the_door(door: Door, topics: Topics, tenant: Tenant, secret: str) -> None:
    body = meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(meta.new_wamid())]))
    assert await door.post(body, secret=secret) == 200
    assert len(await topics.facts_of(tenant)) == 1


async def test_a_missing_or_wrong_signature_is_refused_and_counted(door: Door, topics: Topics, tenant: Tenant) -> None:
    before = await door.metric(SIGNED)
    body = meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(meta.new_wamid())]))
    assert await door.post(body, headers={}) == 401
    assert await door.post(body, secret="somebody else's secret") == 401
    assert await door.post(body + b" ", headers=meta.signed(SECRETS[0], body)) == 401
    assert await door.post(body.replace(b"delivered", b"read     "), headers=meta.signed(SECRETS[0], body)) == 401
    assert await topics.read() == []
    assert await door.metric(SIGNED) == before + 4


async def test_an_empty_webhook_is_answered(door: Door, topics: Topics) -> None:
    assert await door.post(b'{"object":"whatsapp_business_account","entry":[]}') == 200
    assert await topics.read() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"object":"page","entry":[{"id":"1","messaging":[{}]}]}', "object"),
        (b'{"object":"whatsapp_business_account","entry":[]}', "empty"),
        (b'{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[]}]}', "empty"),
        (meta.webhook({"event": "connect"}, field="calls"), "field_calls"),
        (meta.webhook({"history": []}, field="history"), "field_history"),
        (meta.webhook({"anything": 1}, field="a field of next year"), "field_other"),
    ],
)  # fmt: skip
async def test_what_has_no_use_yet_is_answered_and_counted(
    door: Door, topics: Topics, body: bytes, reason: str
) -> None:
    series = f'webhook_ignored_total{{reason="{reason}"}}'
    before = await door.metric(series)
    assert await door.post(body) == 200
    assert await door.metric(series) == before + 1
    assert await topics.read() == []


async def test_a_webhook_of_three_megabytes_is_taken(door: Door, topics: Topics, tenant: Tenant) -> None:
    padding = "x" * 2_900
    statuses = [meta.status(meta.new_wamid(), padding=padding) for _ in range(1_000)]
    body = meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))
    assert 3_000_000 < len(body) < BODY_BYTES_MAX
    assert await door.post(body) == 200
    assert len(await topics.facts_of(tenant)) == 1_000


async def test_small_webhooks_do_not_wait_for_large_ones(door: Door, topics: Topics, tenant: Tenant) -> None:
    def large() -> bytes:
        statuses = [meta.status(meta.new_wamid(), padding="x" * 2_900) for _ in range(1_000)]
        return meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))

    posts = [asyncio.create_task(door.post(body)) for body in [large() for _ in range(6)]]
    answered_meanwhile = 0
    while not all(post.done() for post in posts):
        body = meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(meta.new_wamid())]))
        assert await door.post(body) == 200
        answered_meanwhile += 1
    assert await asyncio.gather(*posts) == [200] * 6
    assert answered_meanwhile > 6  # one after the other, while the large ones were still in work
    assert len(await topics.facts_of(tenant)) == 6_000 + answered_meanwhile


async def blanks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65_536


async def test_a_larger_body_is_refused_whether_it_says_its_length_or_not(door: Door) -> None:
    bodies = (b" " * (BODY_BYTES_MAX + 1), blanks(BODY_BYTES_MAX // 65_536 + 2))
    for body in bodies:
        # The door may close while the body is still on its way.
        with suppress(aiohttp.ClientConnectionError):
            async with door.http.post(f"{door.url}/webhook", data=body) as answer:
                assert answer.status == 413


async def test_webhooks_that_come_together_share_batches(door: Door, topics: Topics, tenant: Tenant) -> None:
    series = 'write_batch_size_count{batcher="webhook"}'
    before = await door.metric(series)
    posts = [
        meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(meta.new_wamid())])) for _ in range(100)
    ]
    assert await asyncio.gather(*(door.post(body) for body in posts)) == [200] * 100
    assert len(await topics.facts_of(tenant)) == 100
    assert await door.metric(series) - before < 100


async def test_accepted_facts_are_counted_by_type(door: Door, tenant: Tenant) -> None:
    series = 'webhook_facts_accepted_total{type="status.reported.v1"}'
    before = await door.metric(series)
    statuses = [meta.status(meta.new_wamid()) for _ in range(3)]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))) == 200
    assert await door.metric(series) == before + 3


@pytest.mark.parametrize("path", sorted(meta.EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
async def test_every_example_is_a_fact(door: Door, topics: Topics, tenant: Tenant, path: Path) -> None:
    body = meta.example(path.stem, phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    json.loads(body)
    assert await door.post(body) == 200
    assert len(await topics.facts_of(tenant)) == 1
