"""What a key may ask in a second, and how it is told."""

import asyncio

import pytest

from services.gateway.rates import TokenBuckets
from services.gateway.tenants.service import new_api_key
from tests.gateway.api_keys.stand import Keyholder
from tests.gateway.stand import Answer, Gateway, Tenant, text


async def _together(holder: Keyholder, key: str, count: int, *, path: str = "/v1/callback") -> list[Answer]:
    return list(await asyncio.gather(*(holder.use(key, path) for _ in range(count))))


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(holder: Keyholder) -> None:
    key = (await holder.make(rate_per_second=2))["key"]
    answers = await _together(holder, key, 12)
    assert {answer.status for answer in answers} == {200, 429}
    for answer in answers:
        assert answer.headers["RateLimit-Policy"] == '"key";q=2;w=1'
        assert answer.headers["RateLimit"] in ('"key";r=0;t=1', '"key";r=1;t=1')
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"] == '"key";r=0;t=1'
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "more than 2 requests a second" in refused.json()["detail"]
    assert (await holder.ask("GET")).status == 200, "another key of the tenant has a limit of its own"


async def test_the_send_door_says_it_in_metas_envelope(holder: Keyholder) -> None:
    key = (await holder.make(rate_per_second=1))["key"]
    send = [holder.gateway.ask("POST", holder.tenant.path, key=key, json=text()) for _ in range(6)]
    answers = await asyncio.gather(*send)
    assert all(answer.headers["RateLimit-Policy"] == '"key";q=1;w=1' for answer in answers)
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    for answer in refused:
        assert answer.headers["Retry-After"] == "1"
        assert (answer.error["code"], answer.error["is_transient"]) == (130429, True)


async def test_refusals_of_a_known_key_say_what_is_left_too(holder: Keyholder) -> None:
    key = (await holder.make(scopes=["media"], rate_per_second=50))["key"]
    for path, status in (("/v1/callback", 403), (f"/v1/messages/{'x' * 3}", 403)):
        answer = await holder.use(key, path)
        assert answer.status == status
        assert answer.headers["RateLimit-Policy"] == '"key";q=50;w=1'


@pytest.mark.parametrize("key", [None, "vk_live_x", new_api_key()])
async def test_nobody_in_particular_is_told_of_a_limit(gateway: Gateway, tenant: Tenant, key: str | None) -> None:
    answers = [
        await gateway.ask("GET", "/v1/callback", key=key),
        await gateway.ask("POST", tenant.path, key=key, json=text()),
        await gateway.ask("GET", "/healthz"),
    ]
    assert all("RateLimit" not in answer.headers for answer in answers)


def test_a_bucket_gives_one_seconds_worth_at_once_and_refuses_without_taking() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(entries_max=10)
    assert [buckets.take("a", 0.001) < 0 for _ in range(3)] == [True] * 3, "a thousandth of a token is no token"
    assert [buckets.take("b", 3) >= 0 for _ in range(5)] == [True, True, True, False, False]
    assert buckets.take("c", 100, count=101) < 0
    assert buckets.take("c", 100, count=100) >= 0
    assert buckets.take("c", 100, count=50) < 0


def test_a_bucket_with_a_burst_gives_it_at_once_and_takes_nothing_where_it_is_only_asked() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(entries_max=10)
    assert buckets.take("a", 0.001, 0, burst=50) == 50
    assert buckets.take("a", 0.001, 49.5, burst=50) >= 0
    assert buckets.take("a", 0.001, 1, burst=50) < 0


def test_buckets_are_forgotten_from_the_one_that_was_idle_longest() -> None:
    buckets: TokenBuckets[int] = TokenBuckets(entries_max=3)
    for key in (1, 2, 3, 1, 4):
        buckets.take(key, 1)
    assert list(buckets._buckets) == [3, 1, 4]
