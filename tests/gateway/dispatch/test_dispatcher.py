"""The dispatcher against the real sandbox, with a server that plays consent: what is asked, sent, stopped, repeated."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from services.gateway.dispatch import window
from services.gateway.dispatch.caller import Caller
from services.gateway.dispatch.dispatcher import Dispatcher
from services.gateway.dispatch.graph_client import GraphClient
from services.gateway.dispatch.questions import Questions
from services.gateway.keys.service import Keyring
from services.gateway.messages.states import State
from services.gateway.tenants.service import Directory
from services.kernel import crypto
from services.kernel.client import InternalClient
from services.kernel.contracts.messages import Lane
from services.kernel.crypto import FileKek
from services.kernel.db import Database
from services.kernel.tokens import TokenIssuer
from tests.gateway.messages.stand import Desk, Story, new_person
from tests.gateway.stand import Gateway, Keys, Tenant
from tests.sandbox.stand import Sandbox, free_port, new_phone, receiving, text_to

PATIENCE_SECONDS = 20


class Consent:
    """Plays consent: says what it is told about a message, and remembers what it was asked."""

    def __init__(self) -> None:
        self.says: dict[UUID, dict[str, Any]] = {}
        self.status = 200
        self.delay_seconds = 0.0
        self.delay_seconds_each = 0.0
        self.asked: list[list[UUID]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        questions = [UUID(question["message_id"]) for question in (await request.json())["questions"]]
        self.asked.append(questions)
        await asyncio.sleep(self.delay_seconds + self.delay_seconds_each * len(questions))
        answers = [{"message_id": str(id_), **self.says.get(id_, {"answer": "send"})} for id_ in questions]
        return web.Response(status=self.status, body=json.dumps({"answers": answers}))


@pytest.fixture
async def consent() -> AsyncIterator[Consent]:
    consent = Consent()
    app = web.Application()
    app.router.add_post("/internal/questions", consent.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
    consent.url = f"http://127.0.0.1:{port}"
    yield consent
    await runner.cleanup()


@pytest.fixture(scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with receiving() as (_, url), aiohttp.ClientSession() as session:
        sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), url, session)
        await sandbox.start()
        yield sandbox
        await sandbox.stop()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - somebody else's doing
            await asyncio.sleep(0.01)


async def _is(fact: bool) -> bool:
    return fact


class Office:
    """Messages of one real tenant on the gateway's database, and dispatchers that send them."""

    def __init__(self, database: Database, tenant: Tenant, kek_file: Path, keys: Keys) -> None:
        self.desk = Desk(database)
        self.tenant = tenant
        self.keyring = Keyring(database, FileKek(str(kek_file)))
        self.directory = Directory(database, self.keyring)
        self.issuer = TokenIssuer("gateway", keys.gateway[0])

    async def put(
        self, phone: str, *, person: str | None = None, is_spoilt: bool = False, lane: Lane = "bulk"
    ) -> Story:
        """A sealed message to the phone, ready to be sent."""
        story = Story(
            tenant_id=self.tenant.id,
            phone_number_id=self.tenant.phone_number_id,
            person=person or new_person(),
            lane=lane,
        )
        key = await self.keyring.key(self.tenant.id, "messages")
        place = crypto.Place(self.tenant.id, "messages", "body", str(story.id))
        request = text_to(phone) | {"biz_opaque_callback_data": "the tenant's own"}
        body = crypto.seal(key, place, json.dumps(request).encode())
        story = replace(story, body=body[:-1] + bytes([body[-1] ^ 1]) if is_spoilt else body)
        await self.desk.fund(story)
        return story

    @asynccontextmanager
    async def working(
        self, consent: Consent, graph_url: str, *, test_url: str | None = None
    ) -> AsyncIterator[Dispatcher]:
        graph = GraphClient(graph_url, connections_max=10, timeout_seconds=0.5)
        test = GraphClient(test_url or graph_url, connections_max=10, timeout_seconds=0.5)
        client = InternalClient(consent.url, "consent", self.issuer)
        caller = Caller(graphs={"live": graph, "test": test}, keyring=self.keyring, directory=self.directory)
        dispatcher = Dispatcher(
            database=self.desk.database, questions=Questions(client), caller=caller, written=lambda: None
        )
        stop = asyncio.Event()
        running = asyncio.create_task(dispatcher.run(stop))
        try:
            yield dispatcher
        finally:
            stop.set()
            await running
            await graph.close()
            await test.close()
            await client.close()

    async def state(self, story: Story) -> State:
        return await self.desk.state(story)

    async def becomes(self, story: Story, state: State) -> None:
        async def has_become() -> bool:
            return await self.state(story) is state

        await until(has_become)

    async def is_tried_again(self, story: Story) -> bool:
        queued = await self.desk.queued(story)
        return queued is not None and queued.attempt > 1

    async def is_put_off(self, story: Story) -> bool:
        rows = await self.desk.rows(
            "select due_at > now() + interval '30 seconds' as is_later from dispatch_queue where message_id = :i",
            i=story.id,
        )
        return bool(rows[0].is_later)


@pytest.fixture
async def office(gateway: Gateway, gateway_database: Database, kek_file: Path, keys: Keys) -> AsyncIterator[Office]:
    office = Office(gateway_database, await gateway.new_tenant(), kek_file, keys)
    yield office
    await office.desk.run("delete from dispatch_queue")


async def test_a_message_goes_out_once_under_our_id_and_its_wamid_is_kept_sealed(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(phone := new_phone())
    async with office.working(consent, sandbox.url):
        await office.becomes(story, State.SENT)
    (send,) = await sandbox.sends(phone)
    assert (send["biz_opaque_callback_data"], send["outcome"]) == (str(story.id), "accepted")
    message = await office.desk.message(story)
    assert message is not None
    assert message.wamid_index == crypto.blind_index(
        await office.keyring.index_key(office.tenant.id), "wamid", send["wamid"]
    )
    assert send["wamid"].encode() not in message.wamid
    assert consent.asked
    assert all(asked == [story.id] for asked in consent.asked)


async def test_a_message_of_a_test_twin_goes_to_the_sandbox_and_a_live_one_does_not(
    office: Office, consent: Consent, sandbox: Sandbox, gateway: Gateway
) -> None:
    body = {"name": "test", "mode": "test"}
    made = (await gateway.ask("POST", "/v1/api-keys", key=office.tenant.api_key, json=body)).json()
    number = await office.directory.number(made["test_number"]["phone_number_id"])
    assert number is not None
    live, live_phone = office.tenant, new_phone()
    stays = await office.put(live_phone)
    office.tenant = replace(live, id=number.tenant_id, phone_number_id=number.phone_number_id)
    goes = await office.put(test_phone := new_phone())
    async with office.working(consent, f"http://127.0.0.1:{free_port()}", test_url=sandbox.url):
        await office.becomes(goes, State.SENT)
        await until(lambda: office.is_tried_again(stays))
    assert len(await sandbox.sends(test_phone)) == 1
    assert await sandbox.sends(live_phone) == []


async def test_a_stopped_message_is_not_sent_and_its_tenant_is_told_why(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    stopped, late = await office.put(phone := new_phone()), await office.put(phone)
    consent.says[stopped.id] = {"answer": "stop", "code": 131050, "reason": "withdrawn"}
    consent.says[late.id] = {"answer": "stop", "code": None, "reason": "expired"}
    async with office.working(consent, sandbox.url):
        await office.becomes(stopped, State.FAILED)
        await office.becomes(late, State.EXPIRED)
    (told,) = await office.desk.callbacks(stopped)
    assert (told["error"]["code"], told["error"]["title"]) == (131050, "withdrawn")
    assert (await office.desk.outbox(stopped), await office.desk.outbox(late)) == (["failed"], ["expired"])
    assert (await sandbox.sends(phone), await office.desk.queued(stopped)) == ([], None)


async def test_a_message_that_consent_holds_back_is_asked_about_again_and_then_sent(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(phone := new_phone())
    consent.says[story.id] = {"answer": "wait"}
    async with office.working(consent, sandbox.url):
        await until(lambda: _is(len(consent.asked) >= 2))
        assert (await office.state(story), await sandbox.sends(phone)) == (State.FUNDED, [])
        del consent.says[story.id]
        await office.becomes(story, State.SENT)
    assert len(await sandbox.sends(phone)) == 1


@pytest.mark.parametrize("trouble", ["down", "slow", "garbled"])
async def test_no_answer_of_consent_is_no_send_and_the_message_goes_when_consent_is_back(
    office: Office, consent: Consent, sandbox: Sandbox, trouble: str
) -> None:
    story = await office.put(phone := new_phone())
    consent.status = 503 if trouble == "down" else 200
    consent.delay_seconds = 1.5 if trouble == "slow" else 0
    if trouble == "garbled":
        consent.says[story.id] = {"answer": "perhaps"}
    async with office.working(consent, sandbox.url):
        await until(lambda: _is(bool(consent.asked)))
        await asyncio.sleep(0.3)
        assert await sandbox.sends(phone) == []
        consent.status, consent.delay_seconds = 200, 0
        consent.says.clear()
        await office.becomes(story, State.SENT)
    assert len(await sandbox.sends(phone)) == 1


async def test_where_a_crowd_comes_too_late_for_its_calls_few_are_begun_at_a_time(
    office: Office, consent: Consent, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "BEGINNING_MIN", 2)
    consent.delay_seconds_each = 0.2  # twelve at once would never be asked about within a second
    stories = [await office.put(new_phone(), lane="express") for _ in range(12)]
    async with office.working(consent, sandbox.url):
        for story in stories:
            await office.becomes(story, State.SENT)
        consent.delay_seconds_each, crowd = 0.0, len(consent.asked)
        await office.desk.run("update number_buckets set parked_until = now() + interval '1 hour'")
        stories = [await office.put(new_phone(), lane="express") for _ in range(30)]
        await office.desk.run("update number_buckets set parked_until = null")
        for story in stories:
            await office.becomes(story, State.SENT)
    assert max(map(len, consent.asked[crowd:])) > 4, "all is well, and there are more at a time again"


async def test_meta_out_of_reach_is_no_failure_and_no_second_send(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(phone := new_phone())
    async with office.working(consent, f"http://127.0.0.1:{free_port()}"):
        await until(lambda: office.is_tried_again(story))
    assert await office.state(story) is State.SENDING
    await office.desk.run("update dispatch_queue set due_at = now()")
    async with office.working(consent, sandbox.url):
        await office.becomes(story, State.SENT)
    assert len(await sandbox.sends(phone)) == 1


@pytest.mark.parametrize(
    ("scenario", "outcome"),
    [
        ({"drop": "after"}, "dropped"),
        ({"drop": "before"}, "refused"),
        ({"html_502": True}, "refused"),
        ({"hang_ms": 3_000}, "accepted"),
        ({"refuse_code": 131000}, "refused"),
    ],
)
async def test_an_ambiguous_send_is_unknown_and_not_repeated(
    office: Office, consent: Consent, sandbox: Sandbox, scenario: dict[str, Any], outcome: str
) -> None:
    story = await office.put(phone := new_phone())
    await sandbox.scenario(phone, **scenario)
    async with office.working(consent, sandbox.url):
        await office.becomes(story, State.UNKNOWN)
        await asyncio.sleep(0.5)
    assert [send["outcome"] for send in await sandbox.sends(phone)] == [outcome]
    queued = await office.desk.queued(story)
    assert queued is not None
    assert (queued.attempt, queued.unknown_since is not None) == (1, True)


async def test_a_refusal_of_meta_ends_the_message_with_metas_code(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(phone := new_phone())
    await sandbox.scenario(phone, refuse_code=131047)
    async with office.working(consent, sandbox.url):
        await office.becomes(story, State.FAILED)
    message = await office.desk.message(story)
    assert message is not None
    assert (message.error_code, message.error_reason) == (131047, "window_closed")


async def test_a_throttle_is_waited_out_and_another_person_is_not_held_up(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    throttled, free = await office.put(phone := new_phone()), await office.put(new_phone())
    await sandbox.scenario(phone, refuse_code=131056, times=1)
    async with office.working(consent, sandbox.url):
        await office.becomes(free, State.SENT)
        await office.becomes(throttled, State.SENT)
    assert [send["outcome"] for send in await sandbox.sends(phone)] == ["refused", "accepted"]


async def test_a_slow_answer_does_not_hold_the_places_of_the_others_of_its_claim(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    slow = await office.put(phone := new_phone())
    others = [await office.put(new_phone()) for _ in range(5)]
    await sandbox.scenario(phone, hang_ms=400)
    async with office.working(consent, sandbox.url) as dispatcher:
        for story in others:
            await office.becomes(story, State.SENT)
        await until(lambda: _is(dispatcher._window.in_flight <= 1))
        await office.becomes(slow, State.SENT)
        await until(lambda: _is(dispatcher._window.in_flight == 0))


async def test_a_body_that_nobody_can_open_waits_for_help_and_stops_no_one(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    broken, good = await office.put(phone := new_phone(), is_spoilt=True), await office.put(new_phone())
    async with office.working(consent, sandbox.url):
        await office.becomes(good, State.SENT)
        await until(lambda: office.is_put_off(broken))
    assert await sandbox.sends(phone) == []


async def test_a_number_that_is_switched_off_sends_nothing_until_it_is_on(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(phone := new_phone())
    await office.desk.run("update numbers set state = 'suspended' where tenant_id = :t", t=office.tenant.id)
    async with office.working(consent, sandbox.url):
        await asyncio.sleep(0.6)
        assert (await sandbox.sends(phone), consent.asked) == ([], [])
        await office.desk.run("update numbers set state = 'active' where tenant_id = :t", t=office.tenant.id)
        await office.becomes(story, State.SENT)


async def test_two_dispatchers_send_a_conversation_once_and_in_order(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    phone, person = new_phone(), "ab" * 32
    stories = [await office.put(phone, person=person) for _ in range(10)]
    async with office.working(consent, sandbox.url), office.working(consent, sandbox.url):
        for story in stories:
            await office.becomes(story, State.SENT)
    sends = await sandbox.sends(phone)
    assert [send["biz_opaque_callback_data"] for send in sends] == [str(story.id) for story in stories]


async def test_two_dispatchers_together_keep_a_numbers_limit_in_every_second(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    limit = 5
    await office.desk.run(f"update numbers set messages_per_second = {limit} where tenant_id = :t", t=office.tenant.id)
    stories = [await office.put(new_phone()) for _ in range(4 * limit)]
    began = asyncio.get_running_loop().time()
    async with office.working(consent, sandbox.url), office.working(consent, sandbox.url):
        for story in stories:
            await office.becomes(story, State.SENT)
    rows = await office.desk.rows(
        "select sending_at from messages where tenant_id = :t order by sending_at", t=office.tenant.id
    )
    started = [row.sending_at.timestamp() for row in rows]
    for first, at in enumerate(started):  # a start is up to a moment later than its claim, which is what is limited
        assert sum(at <= other <= at + 1 for other in started[first:]) <= 2 * limit + limit
    assert asyncio.get_running_loop().time() - began >= 3 - 1 / limit  # the bucket held a second's worth


async def test_a_number_that_meta_throttles_rests_and_another_tenants_goes_on(
    office: Office, consent: Consent, sandbox: Sandbox, gateway: Gateway
) -> None:
    throttled = await office.put(phone := new_phone())
    await sandbox.scenario(phone, refuse_code=131057, times=1)
    own, other = office.tenant, await gateway.new_tenant()
    async with office.working(consent, sandbox.url):
        await until(lambda: office.is_put_off(throttled))
        waiting = await office.put(waits := new_phone())
        office.tenant = other
        going = await office.put(new_phone())
        await office.becomes(going, State.SENT)
        assert (await sandbox.sends(waits), (await office.desk.queued(waiting)).attempt) == ([], 0)  # type: ignore[union-attr]  # it waits
        await office.desk.run("update number_buckets set parked_until = now(), refilled_at = now() - interval '1 s'")
        await office.becomes(waiting, State.SENT)
    office.tenant = own


async def test_a_reply_is_claimed_between_two_claims_of_mailings(
    office: Office, consent: Consent, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "LOADED_BULK_SECONDS", 60.0)
    for _ in range(window.LOADED_MESSAGES):
        await office.put(new_phone())
    consent.delay_seconds = 0.9
    async with office.working(consent, sandbox.url):
        await until(lambda: _is(len(consent.asked) == 1))
        later, reply = await office.put(new_phone()), await office.put(new_phone(), lane="express")
        await until(lambda: _is(len(consent.asked) == 2))
        assert (len(consent.asked[0]), consent.asked[1]) == (window.LOADED_MESSAGES, [reply.id])
        consent.delay_seconds = 0.0
        await office.becomes(later, State.SENT)  # when the crowd is gone


async def test_what_consent_holds_back_takes_no_token_of_its_number(
    office: Office, consent: Consent, sandbox: Sandbox
) -> None:
    story = await office.put(new_phone())
    await office.desk.run("update number_buckets set tokens = 1, refilled_at = now() + interval '1 hour'")
    consent.says[story.id] = {"answer": "wait"}
    async with office.working(consent, sandbox.url):
        await until(lambda: _is(len(consent.asked) >= 3))
        del consent.says[story.id]
        await office.becomes(story, State.SENT)
    (bucket,) = await office.desk.rows(
        "select tokens from number_buckets where phone_number_id = :n", n=office.tenant.phone_number_id
    )
    assert bucket.tokens == 0


async def test_a_worker_that_stops_lets_its_calls_end(office: Office, consent: Consent, sandbox: Sandbox) -> None:
    story = await office.put(phone := new_phone())
    await sandbox.scenario(phone, hang_ms=300)
    async with office.working(consent, sandbox.url):
        await office.becomes(story, State.SENDING)
    assert await office.state(story) is State.SENT
