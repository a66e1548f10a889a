"""A worker that dies or freezes between claim and call neither loses a message nor sends an outdated one."""

import asyncio
import time
from contextlib import AsyncExitStack
from uuid import UUID

from deploy.local.stack import Stack
from tests.e2e.conftest import MakeTenant, World
from tests.e2e.harness.proxy import TcpProxy, Verdict
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually
from tests.e2e.harness.workers import own_worker

WORKERS = ("gateway-worker", "gateway-worker-2")
FREEZE_SECONDS = 20.0


async def test_a_message_whose_worker_was_killed_between_claim_and_start_is_sent_once_by_another(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    async with TcpProxy(world.stack.url("consent")) as consent, held(world.stack, *WORKERS):
        async with own_worker(world.stack, world.http, {"URLS__CONSENT": consent.url}) as worker:
            sent = await tenant.send_template(person)
            consent.set(lambda said: Verdict.HOLD_REQUEST if sent.encode() in said else Verdict.PASS)
            await eventually(lambda: consent.held, "the question is on its way")
            worker.kill()
        assert (await tenant.message(sent))["state"] == "funded"
        assert await world.sandbox.sends(sent) == []
    await tenant.wait_events(sent)
    assert [row["outcome"] for row in await world.sandbox.sends(sent)] == ["accepted"]
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_a_worker_frozen_between_question_and_call_does_not_call_on_the_old_answer(
    world: World, make_tenant: MakeTenant
) -> None:
    """One tenant's messages freeze with consent's answer on the wire, the other's with their start just committed."""
    answered, started = await make_tenant(), await make_tenant()
    people = [await answered.new_person() for _ in range(2)] + [await started.new_person() for _ in range(2)]
    async with AsyncExitStack() as resources:
        consent = await resources.enter_async_context(TcpProxy(world.stack.url("consent")))
        postgres = await resources.enter_async_context(TcpProxy(f"127.0.0.1:{world.stack.facts.ports['postgres']}"))
        async with held(world.stack, *WORKERS):
            environment = {"URLS__CONSENT": consent.url, "DATABASE__URL": _through(postgres, world.stack)}
            worker = await resources.enter_async_context(own_worker(world.stack, world.http, environment))
            call, no_call = [await _freeze_started(started, person, consent, postgres) for person in people[2:]]
            send, no_send = [await _freeze_answered(answered, person, consent) for person in people[:2]]
            worker.freeze()
            frozen_at = time.monotonic()
            consent.release()
            postgres.release()
            await answered.withdraw(people[1])
            await started.withdraw(people[3])

        # Others take over what was not started, by a question of their own.
        await answered.wait_events(send)
        await _wait_withdrawn(answered, no_send)
        # Nobody can know what the frozen worker did about the rest.
        for message_id in (call, no_call):
            await started.wait_state(message_id, "unknown")
        await asyncio.sleep(max(0.0, frozen_at + FREEZE_SECONDS - time.monotonic()))
        assert await world.sandbox.sends(call) == await world.sandbox.sends(no_call) == []
        worker.thaw()
        await started.wait_events(call)
        await _wait_withdrawn(started, no_call)

    for message_id in (send, call):
        assert [row["outcome"] for row in await world.sandbox.sends(message_id)] == ["accepted"]
    for message_id in (no_send, no_call):
        assert await world.sandbox.sends(message_id) == []
    assert await answered.wallet() == await started.wallet() == ("994.00", "0.00")


async def _wait_withdrawn(tenant: Tenant, message_id: str) -> None:
    told = await tenant.wait_events(message_id, frozenset({"failed", "released", "called_back"}))
    assert (told["error"]["code"], told["error"]["reason"]) == (131050, "withdrawn")


async def _freeze_answered(tenant: Tenant, person: str, consent: TcpProxy) -> str:
    """A message whose question consent has answered while the worker has not read it."""
    message_id = await tenant.send_template(person)
    consent.set(lambda said: Verdict.HOLD_ANSWER if message_id.encode() in said else Verdict.PASS)
    await eventually(lambda: any(message_id.encode() in said for said in consent.held))
    return message_id


async def _freeze_started(tenant: Tenant, person: str, consent: TcpProxy, postgres: TcpProxy) -> str:
    """A message whose start is committed while the worker has not heard so."""
    message_id = await tenant.send_template(person)
    id_ = UUID(message_id).bytes

    def start(said: bytes) -> Verdict:
        return Verdict.HOLD_ANSWER if b"COMMIT" in said[said.find(id_) :] and id_ in said else Verdict.PASS

    def question(said: bytes) -> Verdict:
        if message_id.encode() in said:
            postgres.set(start)
        return Verdict.PASS

    consent.set(question)
    await eventually(lambda: any(id_ in said for said in postgres.held))
    return message_id


def _through(postgres: TcpProxy, stack: Stack) -> str:
    """The gateway's database address, by way of the proxy."""
    address = stack.environment("gateway-worker")["DATABASE__URL"]
    return address.replace(f":{stack.facts.ports['postgres']}/", f":{postgres.port}/")
