"""What was tried and what was told is kept, shown to its tenant alone, and told again on demand."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.gateway import retention
from services.gateway.attempts import service as attempts
from services.gateway.attempts.service import Attempt, Page
from services.gateway.told import service as told
from services.gateway.told.errors import NothingTold, RangeTooOld
from services.kernel import partitions
from services.kernel.cursors import BadCursor, OtherQuestion
from services.kernel.identifiers import uuid7
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import PHONE, TEXT, TenantInTest, World

DELIVERED = "select 1 from callback_deliveries"


async def _page(world: World, tenant: TenantInTest, cursor: str | None = None, limit: int = 25) -> Page:
    endpoint = await world.first(tenant)
    async with world.database.transaction() as connection:
        return await attempts.page(connection, world.keyring, tenant.id, endpoint.id, cursor=cursor, limit=limit)


async def _attempts(world: World, tenant: TenantInTest) -> list[Attempt]:
    return (await _page(world, tenant)).attempts


async def test_every_attempt_is_shown_with_its_heads_newest_first(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    receiver.headers["X-Say"] = "nо entry"
    async with world.delivering(calm_burst=0):
        await world.told(tenant, 3)
        await receiver.until(calls=2)
        await world.until_rows(DELIVERED, 0)
    second, first = await _attempts(world, tenant)
    assert (first.status, first.attempt, first.facts, first.is_delivered) == (500, 1, 3, False)
    assert (second.status, second.attempt, second.is_delivered) == (200, 2, True)
    assert str(first.delivery_id) == str(second.delivery_id) == receiver.calls[0].id
    assert first.address == "127.0.0.1"
    assert (first.request_head or "").startswith("POST /hook HTTP/1.1\r\nHost: 127.0.0.1:")
    assert receiver.calls[0].headers["webhook-signature"] in (first.request_head or "")
    assert (first.response_head or "").startswith("HTTP/1.1 500 ")
    assert "X-Say" in (first.response_head or "")


async def test_an_attempt_without_an_answer_says_why(world: World) -> None:
    tenant = await world.tenant("http://127.0.0.1:1/closed")
    async with world.delivering(backoff_first_seconds=60.0):
        await world.told(tenant, 1)
        await world.until_rows("select 1 from callback_attempts", 1)
    [attempt] = await _attempts(world, tenant)
    assert (attempt.status, attempt.error, attempt.address) == (0, "ClientConnectorError", "127.0.0.1")
    assert (attempt.response_head, attempt.response_body) == ("", "")


async def test_heads_are_sealed_and_survive_nul_and_bytes_that_are_no_text(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.append(500)
    receiver.body = b"\x00\xff\xfe" + TEXT.encode() + b"\x00" + b"x" * 9_000
    async with world.delivering(backoff_first_seconds=60.0):
        await world.told(tenant, 1)
        await world.until_rows("select 1 from callback_attempts", 1)
    stored = await world.stored("callback_attempts")
    assert receiver.calls[0].headers["X-Hub-Signature-256"].encode() not in stored
    assert TEXT.encode() not in stored
    [attempt] = await _attempts(world, tenant)
    assert attempt.response_body is not None
    assert TEXT in attempt.response_body
    assert attempt.response_body.startswith("\x00")
    assert len(attempt.response_body) == attempts.HEAD_CHARACTERS_MAX


async def test_attempts_come_in_pages_that_neither_repeat_nor_miss_one(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    async with world.delivering():
        for count in range(7):
            await world.told(tenant, 1)
            await world.until_rows("select 1 from callback_attempts", count + 1)
    shown, cursor = [], None
    while True:
        page = await _page(world, tenant, cursor, limit=3)
        shown += page.attempts
        if (cursor := page.next_cursor) is None:
            break
    assert [str(one.delivery_id) for one in shown] == [call.id for call in reversed(receiver.calls)]
    with pytest.raises(BadCursor):
        await _page(world, tenant, "next")
    with pytest.raises(OtherQuestion):
        await _page(world, await world.tenant(receiver.url), (await _page(world, tenant, limit=3)).next_cursor)


async def test_what_was_told_of_a_message_is_told_again_with_the_same_event_id(
    world: World, receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    message_id = await world.message(tenant)
    facts = [world.status(tenant, message_id, status) for status in ("sent", "delivered")]
    endpoint = await world.first(tenant)
    async with world.delivering(calm_burst=0):
        await world.enqueue(*facts)
        await world.told(tenant, 1)
        await receiver.until(values=3)
        async with world.database.transaction() as connection:
            done = await told.replay_message(connection, endpoint.id, message_id)
        assert (done.queued, done.already_waiting, done.resume_from) == (2, 0, None)
        await receiver.until(values=5)
        await world.until_rows(DELIVERED, 0)
    again = receiver.calls[-1]
    assert [value["event_id"] for value in again.values] == [str(fact.event_id) for fact in facts]
    assert again.id not in {call.id for call in receiver.calls[:-1]}


async def test_a_dead_delivery_is_told_again_on_demand(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    endpoint = await world.first(tenant)
    receiver.answers.append(500)
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with world.delivering(calm_burst=0, backoff_first_seconds=0.3, give_up_seconds=0.0):
        event_ids = await world.told(tenant, 2)
        await world.until_rows("select 1 from callback_deliveries where dead_at is not null", 1)
        async with world.database.transaction() as connection:
            done = await told.replay_range(connection, endpoint.id, since=began, until=None)
        assert done.queued == 2
        await receiver.until(calls=2)
    assert [value["event_id"] for value in receiver.taken[0].values] == [str(event_id) for event_id in event_ids]


async def test_a_long_range_goes_on_where_one_request_ended(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await world.tenant(receiver.url)
    endpoint = await world.first(tenant)
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with world.delivering(calm_burst=0):
        for count in range(1, 6):
            await world.told(tenant, 2)
            await receiver.until(values=2 * count)
        await world.until_rows(DELIVERED, 0)
    monkeypatch.setattr(told, "REPLAY_FACTS_MAX", 3)
    queued: list[int] = []
    since: datetime | None = began
    while since is not None:
        async with world.database.transaction() as connection:
            done = await told.replay_range(connection, endpoint.id, since=since, until=None)
        queued.append(done.queued)
        since = done.resume_from
    assert queued == [4, 4, 2]  # what was told in one transaction stays together
    async with world.database.transaction() as connection:
        done = await told.replay_range(connection, endpoint.id, since=began, until=None)
    assert (done.queued, done.already_waiting) == (0, 4)


async def test_a_replay_of_what_is_not_kept_says_so(world: World, receiver: Receiver) -> None:
    endpoint = await world.first(await world.tenant(receiver.url))
    now = datetime.now(UTC)
    async with world.database.transaction() as connection:
        with pytest.raises(NothingTold):
            await told.replay_message(connection, endpoint.id, uuid7())
        for since in (now - timedelta(days=11), now + timedelta(hours=1)):
            with pytest.raises(RangeTooOld):
                await told.replay_range(connection, endpoint.id, since=since, until=None)


async def test_days_that_are_over_are_dropped_whole(world: World) -> None:
    tables = {"callback_attempts": "uuid7", "callback_told": "time", "callback_log": "time"}
    async with world.database.transaction() as connection:
        for parent, key in tables.items():
            await connection.execute(partitions._MAKE, {"parent": parent, "by_key": key, "behind": 16, "ahead": 0})
    count = "select relname from pg_class where relkind = 'r' and relname ~ '^callback_(attempts|told|log)_[0-9]'"
    before = len(await world.rows(count))
    days_kept = {name: days for name, days in retention.days_kept(400).items() if name in tables}
    dropped = sum((await partitions.drop_old(world.database, days_kept)).values())
    assert dropped == (16 - attempts.KEPT_DAYS) + (16 - told.KEPT_DAYS) + (16 - told.LOG_DAYS)
    assert len(await world.rows(count)) == before - dropped
    assert set((await partitions.drop_old(world.database, days_kept)).values()) == {0}


async def test_a_number_or_a_text_stands_in_neither_history(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    async with world.delivering():
        await world.enqueue(world.status(tenant, await world.message(tenant, opaque=TEXT), "sent"))
        await receiver.until(calls=1)
        await world.until_rows(DELIVERED, 0)
    stored = await world.stored("callback_attempts", "callback_told", "callback_log")
    for secret in (PHONE, TEXT, tenant.secret):
        assert secret.encode() not in stored
    assert isinstance((await _attempts(world, tenant))[0].delivery_id, UUID)
