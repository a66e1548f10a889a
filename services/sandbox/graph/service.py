"""Decides what becomes of a message request, records it, and plans what is reported (hot path)."""

import asyncio
import time
from typing import Any, NamedTuple

import msgspec

from services.sandbox.graph import schemas
from services.sandbox.graph.checks import message as checks
from services.sandbox.graph.checks import registered
from services.sandbox.graph.rules import Attempt, enforce
from services.sandbox.graph.schemas import Message
from services.sandbox.identity import digits, outbound_wamid, phone_of, user_id
from services.sandbox.numbers.service import Number
from services.sandbox.people.service import iso
from services.sandbox.refusals import GraphError
from services.sandbox.scenarios.service import ORDINARY as EVERYDAY
from services.sandbox.scenarios.service import Scenario
from services.sandbox.scripts.service import Script
from services.sandbox.sends.service import ORDINARY, Outcome, Plan, Send
from services.sandbox.templates.service import Template
from services.sandbox.webhooks.service import in_order
from services.sandbox.world import World

HTML_502 = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Sorry</h1></body></html>"
FAILED = "failed"
WITH_SCRIPT = ("sent", "delivered")  # who follows a script reads when the script says so
REACTION = ("sent",)  # Meta reports nothing more about reactions


class Answer(NamedTuple):
    """`status` 0 means no answer: the connection is reset."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json; charset=UTF-8"


RESET = Answer(0)
SUCCESS = Answer(200, b'{"success":true}')


class Request(NamedTuple):
    number: str  # phone_number_id of the path
    token: str
    body: bytes
    arrived: float  # Unix seconds


class Verdict(NamedTuple):
    outcome: Outcome
    code: int | None = None
    error: GraphError | None = None


class Understood(NamedTuple):
    """A request that Meta would find in order."""

    message: Message
    content: Any  # the object under the type's name; for text and template None
    number: Number
    template: Template | None
    phone: str  # the recipient, as digits


async def handle(world: World, request: Request) -> Answer:
    """Answer one call; whatever is accepted is on the disk before."""
    try:
        understood = _understand(world, request)
        if understood is None:
            return SUCCESS
        return await _send(world, request, understood)
    except GraphError as error:
        if error.is_of_message:
            await _record_refusal(world, request, error)
        return Answer(error.status, error.body())
    except OSError:
        return _answer_error(GraphError(131000, "The sandbox cannot write its file of sends."))


def _understand(world: World, request: Request) -> Understood | None:
    """None for a read mark, which is done."""
    if not request.token:
        raise GraphError(190, "An access token is required: Authorization: Bearer <token>.")
    message = schemas.parse(request.body)
    content = checks.check(message, request.body, lambda found: world.library.kind_for(request.number, found))
    if message.is_mark:
        world.people.marked_read(message.message_id or "")
        return None
    number, template = world.numbers.number(request.number), None
    if message.type == "template" and message.template is not None:
        unknown_pass = world.rules.unknown_templates
        template = registered.registered(world.templates, number.waba_id, message.template, unknown_pass=unknown_pass)
        if template is not None:
            registered.check(template, message)
    if world.webhooks.is_full:
        raise GraphError(130429, "Too many webhooks wait for the receiver.")
    return Understood(message, content, number, template, _phone(world, message, number))


def _phone(world: World, message: Message, number: Number) -> str:
    if message.to:
        return digits(message.to)
    phone = phone_of(message.recipient or "", number.waba_id, world.seed)
    if phone is None:
        raise GraphError(131026, "This account was never given that business-scoped user id.")
    return phone


async def _send(world: World, request: Request, understood: Understood) -> Answer:
    phone, message = understood.phone, understood.message
    scenario, script = world.scenarios.take(phone), world.scripts.of(phone)
    verdict = _judge(scenario)
    if verdict.error is None and verdict.outcome != "refused":
        is_marketing = understood.template is not None and understood.template.category == "marketing"
        attempt = Attempt(request.number, phone, message.type, is_marketing, request.arrived)
        enforce(world, understood.number, attempt, scenario)
    send, durable = world.sends.record(_draft(request, understood, scenario, script, verdict))
    if scenario.status_order != "as_given":
        send = _reordered(world, send, scenario)
    words = message.words or _words(understood.content)
    with world.people.calling(send, phone, words, request.arrived):
        await durable
        latency = (world.latency_ms if scenario.latency_ms is None else scenario.latency_ms) / 1000
        wait = latency - (time.time() - request.arrived)
        if verdict.outcome != "refused":
            _report(world, send, words, understood, script, accepted_in=max(wait, 0.0), request=request.body)
        await asyncio.sleep(max(wait, 0.0) + scenario.hang_ms / 1000)
        return _answer(world, scenario, verdict, send, understood)


def _judge(scenario: Scenario) -> Verdict:
    if scenario.refuse_code is not None:
        return Verdict("refused", scenario.refuse_code, GraphError(scenario.refuse_code))
    if scenario.drop is not None:
        return Verdict("dropped" if scenario.drop == "after" else "refused")
    if scenario.html_502:
        return Verdict("dropped" if scenario.html_502_accepted else "refused")
    return Verdict("accepted")


def _draft(
    request: Request, understood: Understood, scenario: Scenario, script: Script | None, verdict: Verdict
) -> Send:
    message, template = understood.message, understood.template
    refused = verdict.outcome == "refused"
    return Send(
        n=0,
        to=message.to or "",
        biz_opaque_callback_data=message.biz_opaque_callback_data,
        wamid=None if refused else outbound_wamid(understood.phone),
        outcome=verdict.outcome,
        code=verdict.code,
        at=iso(request.arrived),
        phone_number_id=request.number,
        type=message.type,
        category=template.category if template else None,
        plan=ORDINARY if refused else _plan(scenario, script, understood),
    )


def _plan(scenario: Scenario, script: Script | None, understood: Understood) -> Plan:
    message = understood.message
    if scenario is EVERYDAY and script is None and message.to and message.type != "reaction":
        return ORDINARY
    ordinary = WITH_SCRIPT if script is not None else ORDINARY.statuses
    if message.type == "reaction":
        ordinary = REACTION
    statuses: list[str] | None = list(scenario.statuses) if scenario.statuses is not None else None
    if scenario.fail_code is not None:
        statuses = [*(statuses or []), *([] if statuses and FAILED in statuses else [FAILED])]
    return Plan(
        statuses=ordinary if statuses is None else tuple(statuses),
        fail_code=scenario.fail_code,
        status_delay_ms=scenario.status_delay_ms,
        duplicate=scenario.duplicate,
        reply_text=scenario.reply_text,
        compress=scenario.compress,
        redeliver=scenario.redeliver,
        forged=scenario.forged,
        nameless=scenario.nameless,
        bsuid=None if message.to else message.recipient,
        phone=None if message.to else understood.phone,
    )


def _reordered(world: World, send: Send, scenario: Scenario) -> Send:
    """Shuffled by the send's own number, so that a run can be repeated; the file keeps the order as given."""
    statuses = in_order(send.plan.statuses, scenario.status_order, f"{world.seed}/{send.n}")
    return msgspec.structs.replace(send, plan=msgspec.structs.replace(send.plan, statuses=statuses))


def _words(content: Any) -> str:
    """What a content that is no text says in words."""
    if not isinstance(content, dict):
        return ""
    body = content.get("body")
    said = body.get("text") if isinstance(body, dict) else None
    return str(said or content.get("caption") or content.get("emoji") or content.get("name") or "")


def _report(
    world: World,
    send: Send,
    words: str,
    understood: Understood,
    script: Script | None,
    *,
    accepted_in: float,
    request: bytes,
) -> None:
    message, now = understood.message, time.time()
    bubble = world.people.deliver(send, understood.phone, words, now + accepted_in, request)
    if message.context is not None:
        bubble.context = message.context.message_id
    window_open = world.people.window_open(understood.phone, send.phone_number_id, now)
    world.webhooks.report(send, accepted_in_seconds=accepted_in, window_open=window_open, seen=bubble)
    if script is not None:
        world.scripts.received(script, send, bubble, after_seconds=accepted_in)


def _answer(world: World, scenario: Scenario, verdict: Verdict, send: Send, understood: Understood) -> Answer:
    if verdict.error is not None:
        return _answer_error(verdict.error)
    if scenario.drop is not None:
        return RESET
    if scenario.html_502:
        return Answer(502, HTML_502, b"text/html; charset=utf-8")
    return Answer(200, _success(world, scenario, send, understood))


def _answer_error(error: GraphError) -> Answer:
    return Answer(error.status, error.body())


def _success(world: World, scenario: Scenario, send: Send, understood: Understood) -> bytes:
    plan, phone = send.plan, understood.phone
    person = plan.bsuid or user_id(phone, understood.number.waba_id, world.seed)
    message = {"id": send.wamid} | ({"message_status": scenario.message_status} if send.type == "template" else {})
    contact = {"input": send.to, "wa_id": phone, "user_id": person}
    if plan.bsuid:
        contact = {"input": plan.bsuid, "user_id": person}
    return msgspec.json.encode({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})


async def _record_refusal(world: World, request: Request, error: GraphError) -> None:
    """A request that could not be understood was still received."""
    known = schemas.addressed(request.body)
    callback_data = known.biz_opaque_callback_data
    refusal = Send(
        n=0,
        to=known.to if isinstance(known.to, str) else "",
        biz_opaque_callback_data=callback_data if isinstance(callback_data, str) else None,
        wamid=None,
        outcome="refused",
        code=error.code,
        at=iso(request.arrived),
        phone_number_id=request.number,
        type=known.type if isinstance(known.type, str) else "unknown",
    )
    await world.sends.record(refusal)[1]
