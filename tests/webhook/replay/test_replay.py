"""What went into quarantine goes on when it can be routed, by itself or by command, and nothing of it is lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka.errors import KafkaTimeoutError
from sqlalchemy import text

from services.kernel.contracts import Event
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.db import Database
from services.kernel.errors import Conflict
from services.kernel.kafka.publisher import Publisher
from services.webhook.intake.service import Intake
from services.webhook.quarantine.service import Chosen, Quarantine
from services.webhook.replay.service import Replay
from tests.fixtures.infrastructure import Infrastructure
from tests.webhook import meta
from tests.webhook.desk import LIVE, Desk, payload
from tests.webhook.door import SECRETS, TEST_SECRET, Boxes, Door, Tenant, Topics

PATIENCE_SECONDS = 30
ROWS = text("select * from quarantine where phone_number_id = :it or waba_id = :it order by id")


def newcomer(**how: Any) -> Tenant:
    return Tenant(waba_id=str(uuid4().int)[:15], **how)


async def rows_of(database: Database, meta_id: str) -> list[Any]:
    async with database.transaction() as connection:
        return list(await connection.execute(ROWS, {"it": meta_id}))


async def facts_when_there(topics: Topics, tenant: Tenant, count: int) -> list[Event]:
    async def are_there() -> bool:
        return len(await topics.facts_of(tenant)) >= count

    await eventually(are_there)
    return await topics.facts_of(tenant)


async def until_reasons(database: Database, meta_id: str, *reasons: str) -> None:
    async def are_these() -> bool:
        return {row.reason for row in await rows_of(database, meta_id)} == set(reasons)

    await eventually(are_these)


async def eventually(probe: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await probe():
                return
            await asyncio.sleep(0.1)


def text_webhook(tenant: Tenant, wamid: str, words: str = "hello") -> bytes:
    return meta.webhook(
        meta.about(tenant.phone_number_id, messages=[meta.text_message(wamid, words)]), waba_id=tenant.waba_id
    )


async def test_the_webhooks_of_a_new_number_follow_it_by_themselves_in_their_order(
    door: Door, topics: Topics, database: Database, publisher: Publisher, boxes: Boxes
) -> None:
    late = newcomer()
    wamids = [meta.new_wamid() for _ in range(30)]
    for wamid in wamids:
        assert await door.post(text_webhook(late, wamid)) == 200
    assert len(await rows_of(database, late.phone_number_id)) == 30
    await publisher.publish(late.facts(boxes.webhook[1]))
    facts = await facts_when_there(topics, late, 30)
    assert [fact.wamid_index for fact in facts if isinstance(fact, InboundReceived)] == [
        late.index("wamid", wamid) for wamid in wamids
    ]
    await until_reasons(database, late.phone_number_id)


async def test_what_was_said_of_a_new_waba_follows_it(
    door: Door, topics: Topics, database: Database, publisher: Publisher, boxes: Boxes
) -> None:
    late = newcomer()
    for case in ("account_update/partner_added", "message_template_status_update/paused", "security/pin_changed"):
        assert await door.post(payload(case, late)) == 200
    reasons = {row.reason for row in await rows_of(database, late.waba_id)}
    assert reasons == {"unknown_waba", "unknown_number"}
    await publisher.publish(late.facts(boxes.webhook[1]))
    facts = await facts_when_there(topics, late, 3)
    assert {fact.TYPE for fact in facts} == {
        "account.updated.v1", "template.status_changed.v1", "number.security_noticed.v1",
    }  # fmt: skip
    await until_reasons(database, late.waba_id)


async def test_a_replay_says_what_the_door_would_have_said(
    door: Door, topics: Topics, database: Database, publisher: Publisher, boxes: Boxes
) -> None:
    late, wamid = newcomer(), meta.new_wamid()
    assert await door.post(text_webhook(late, wamid, "STOP")) == 200
    await publisher.publish(late.facts(boxes.webhook[1]))
    [replayed] = await facts_when_there(topics, late, 1)
    await until_reasons(database, late.phone_number_id)
    assert await door.post(text_webhook(late, wamid, "STOP")) == 200
    [_, direct] = await topics.facts_of(late)
    assert isinstance(direct, InboundReceived)
    assert isinstance(replayed, InboundReceived)
    assert (replayed.id, replayed.person, replayed.signals) == (direct.id, direct.person, ("stop",))


async def test_a_live_signature_for_a_test_number_is_kept_and_the_replay_keeps_it_too(
    door: Door, topics: Topics, database: Database, publisher: Publisher, boxes: Boxes
) -> None:
    twin = newcomer(mode="test")
    before = text_webhook(twin, meta.new_wamid())
    assert await door.post(before, secret=SECRETS[0]) == 200  # unknown as yet
    await publisher.publish(twin.facts(boxes.webhook[1]))
    await until_reasons(database, twin.phone_number_id, "wrong_signer")  # the replay found the number
    assert await door.post(text_webhook(twin, meta.new_wamid()), secret=SECRETS[0]) == 200
    assert await topics.facts_of(twin) == []
    assert await door.post(text_webhook(twin, meta.new_wamid()), secret=TEST_SECRET) == 200
    assert len(await topics.facts_of(twin)) == 1
    status, answer = await door.staff(
        "POST", "/internal/quarantine:replay", boxes, {"phone_number_id": twin.phone_number_id}
    )
    assert (status, answer["replayed"], answer["kept"], answer["facts"]) == (200, 0, 2, 0)
    assert len(await topics.facts_of(twin)) == 1


async def test_a_test_signature_that_came_before_its_number_opens_a_test_number_and_no_live_one(
    door: Door, topics: Topics, database: Database, publisher: Publisher, boxes: Boxes
) -> None:
    live, twin = newcomer(), newcomer(mode="test")
    for tenant in (live, twin):  # both unknown as yet
        assert await door.post(text_webhook(tenant, meta.new_wamid()), secret=TEST_SECRET) == 200
        await publisher.publish(tenant.facts(boxes.webhook[1]))
    await until_reasons(database, live.phone_number_id, "wrong_signer")
    await facts_when_there(topics, twin, 1)
    assert await topics.facts_of(live) == []


async def test_a_test_signature_for_a_live_number_is_kept(
    door: Door, topics: Topics, database: Database, tenant: Tenant
) -> None:
    before = len(await rows_of(database, tenant.phone_number_id))
    assert await door.post(text_webhook(tenant, meta.new_wamid()), secret=TEST_SECRET) == 200
    rows = await rows_of(database, tenant.phone_number_id)
    assert [row.reason for row in rows[before:]] == ["wrong_signer"]
    assert await topics.facts_of(tenant) == []


async def test_staff_see_what_waits_and_never_what_it_says(door: Door, boxes: Boxes) -> None:
    late = newcomer()
    for _ in range(3):
        assert await door.post(text_webhook(late, meta.new_wamid(), "антоновка")) == 200
    status, answer = await door.staff("GET", "/internal/quarantine", boxes)
    assert status == 200
    [waiting] = [one for one in answer["waiting"] if one["phone_number_id"] == late.phone_number_id]
    assert (waiting["reason"], waiting["rows"], waiting["parts"]) == ("unknown_number", 3, 3)
    assert waiting["oldest_age_seconds"] >= 0
    assert waiting["waba_id"] == late.waba_id
    assert answer["rows"] >= 3
    assert "антоновка" not in json.dumps(answer, ensure_ascii=False)


@pytest.mark.parametrize(
    "body", [{}, {"reason": "boredom"}, {"phone_number_id": "Marfa"}, {"ids": []}, {"reason": "malformed", "x": 1}]
)
async def test_a_replay_must_say_what_of(door: Door, boxes: Boxes, body: dict[str, Any]) -> None:
    status, answer = await door.staff("POST", "/internal/quarantine:replay", boxes, body)
    assert status == 422
    assert answer["title"] == "invalid"


@pytest.mark.parametrize(("method", "path"), [("GET", "/internal/quarantine"), ("POST", "/internal/quarantine:replay")])
async def test_the_quarantine_is_for_staff_alone(door: Door, method: str, path: str) -> None:
    async with door.http.request(method, door.url + path, json={"reason": "malformed"}) as answer:
        assert answer.status == 401


async def test_what_still_cannot_be_read_stays_and_is_passed_over(door: Door, database: Database, boxes: Boxes) -> None:
    for _ in range(3):
        assert await door.post(b"no json") == 200
    seen, after, kept = set(), None, 0
    while True:
        body = {"reason": "malformed", "after": after}
        status, answer = await door.staff("POST", "/internal/quarantine:replay", boxes, body)
        assert status == 200
        assert answer["facts"] == 0
        kept += answer["kept"]
        if answer["next"] is None:
            break
        assert answer["next"] not in seen
        seen.add(after := answer["next"])
    async with database.transaction() as connection:
        rows = list(await connection.execute(text("select attempts from quarantine where reason = 'malformed'")))
    assert kept >= 3
    assert all(row.attempts >= 1 for row in rows)


class Bench:
    """A replay in this process, with a database of its own and a directory that the test fills."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self.desk = Desk()
        self.desk.directory._at_end.set()
        self.database = database
        platform = self.desk.boxes.platform
        self.quarantine = Quarantine(database, platform[1])
        self.intake = Intake(self.desk.directory, publisher, self.quarantine)
        self.replay = self.another(platform[0])

    def another(self, private_key: bytes | None) -> Replay:
        return Replay(
            database=self.database,
            directory=self.desk.directory,
            intake=self.intake,
            held=self.quarantine,
            private_key=private_key,
        )

    async def rows(self) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text("select * from quarantine order by id")))


@asynccontextmanager
async def working(bench: Bench) -> AsyncIterator[Bench]:
    bench.intake.batcher.start()
    try:
        yield bench
    finally:
        await bench.intake.batcher.stop()


@pytest.fixture
async def bench(make_database: Any, publisher: Publisher) -> AsyncIterator[Bench]:
    async with working(Bench(await make_database("webhook"), publisher)) as bench:
        yield bench


async def test_of_a_webhook_that_is_partly_readable_the_rest_stays(bench: Bench, topics: Topics) -> None:
    late = newcomer()
    statuses = [meta.status(meta.new_wamid()), {"id": "wamid.1"}, meta.status(meta.new_wamid(), "sung")]
    body = meta.webhook(meta.about(late.phone_number_id, statuses=statuses))
    await bench.intake.take(body, LIVE)
    assert [(row.reason, row.parts) for row in await bench.rows()] == [("unknown_number", 3)]
    bench.desk.know(late)
    done = await bench.replay.replay(Chosen(phone_number_id=late.phone_number_id))
    assert (done.rows, done.kept, done.facts, done.last) == (1, 0, 1, None)
    assert len(await topics.facts_of(late)) == 1
    assert [(row.reason, row.parts) for row in await bench.rows()] == [("malformed", 1)]


async def test_two_replays_at_once_say_everything_once_and_in_order(bench: Bench, topics: Topics) -> None:
    late = newcomer()
    wamids = [meta.new_wamid() for _ in range(450)]
    for wamid in wamids:
        await bench.intake.take(text_webhook(late, wamid), LIVE)
    bench.desk.know(late)
    chosen = Chosen(phone_number_id=late.phone_number_id)
    another = bench.another(bench.desk.boxes.platform[0])
    both = await asyncio.gather(*(one.replay(chosen, batches_max=None) for one in (bench.replay, another)))
    assert sum(done.rows for done in both) == 450
    facts = [fact for fact in await topics.facts_of(late) if isinstance(fact, InboundReceived)]
    assert [fact.wamid_index for fact in facts] == [late.index("wamid", wamid) for wamid in wamids]
    assert await bench.rows() == []


async def test_nothing_leaves_before_kafka_has_acknowledged(
    bench: Bench, infrastructure: Infrastructure, topics: Topics
) -> None:
    late = newcomer()
    await bench.intake.take(text_webhook(late, meta.new_wamid()), LIVE)
    bench.desk.know(late)
    hasty = Publisher(infrastructure.kafka, client_id="test")
    hasty.start()
    hasty._timeout_seconds = 0  # no broker acknowledges within that
    chosen = Chosen(phone_number_id=late.phone_number_id)
    working_publisher, bench.intake._publisher = bench.intake._publisher, hasty
    with pytest.raises(KafkaTimeoutError):
        await bench.replay.replay(chosen)
    await hasty.stop()
    assert len(await bench.rows()) == 1
    bench.intake._publisher = working_publisher
    assert (await bench.replay.replay(chosen)).rows == 1
    assert await bench.rows() == []


async def test_rows_are_chosen_by_id(bench: Bench) -> None:
    late = newcomer()
    for _ in range(3):
        await bench.intake.take(text_webhook(late, meta.new_wamid()), LIVE)
    bench.desk.know(late)
    ids = tuple(UUID(str(row.id)) for row in await bench.rows())
    assert (await bench.replay.replay(Chosen(ids=ids[1:2]))).rows == 1
    assert [row.id for row in await bench.rows()] == [ids[0], ids[2]]


async def test_a_long_quarantine_is_replayed_in_bounded_calls(bench: Bench) -> None:
    late = newcomer()
    for _ in range(1_201):
        await bench.intake.take(text_webhook(late, meta.new_wamid()), LIVE)
    bench.desk.know(late)
    chosen = Chosen(phone_number_id=late.phone_number_id)
    first = await bench.replay.replay(chosen)
    assert (first.rows, first.last is None) == (1_000, False)
    assert first.last is not None
    rest = await bench.replay.replay(chosen, after=first.last)
    assert (rest.rows, rest.last) == (201, None)


async def test_without_the_private_key_nothing_is_opened_and_the_door_works(bench: Bench) -> None:
    with pytest.raises(Conflict, match="PLATFORM__PRIVATE_KEY"):
        await bench.another(None).replay(Chosen(reason="malformed"))
    stop = asyncio.Event()
    running = asyncio.create_task(bench.another(None).run(stop))
    stop.set()
    await running


async def test_another_private_key_leaves_everything_as_it_is(bench: Bench) -> None:
    late = newcomer()
    await bench.intake.take(text_webhook(late, meta.new_wamid()), LIVE)
    bench.desk.know(late)
    before = [(row.id, row.reason, row.content) for row in await bench.rows()]
    done = await bench.another(Boxes().platform[0]).replay(Chosen(phone_number_id=late.phone_number_id))
    assert (done.rows, done.kept) == (0, 1)
    assert [(row.id, row.reason, row.content) for row in await bench.rows()] == before
