"""Decides what becomes of a message request, records it, and plans what is reported (hot path)."""

import asyncio
import time
from typing import NamedTuple

import msgspec

from services.sandbox.graph import schemas
from services.sandbox.graph.errors import GraphError
from services.sandbox.graph.schemas import Message
from services.sandbox.identity import digits, outbound_wamid, user_id
from services.sandbox.people.service import iso
from services.sandbox.scenarios.service import Scenario
from services.sandbox.sends.service import ORDINARY, Outcome, Plan, Send
from services.sandbox.world import World

HTML_502 = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Sorry</h1></body></html>"
FAILED = "failed"


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


async def handle(world: World, request: Request) -> Answer:
    """Answer one call; whatever is accepted is on the disk before."""
    try:
        message = _understand(world, request)
        if message.is_mark:
            return SUCCESS
        return await _send(world, request, message)
    except GraphError as error:
        if error.is_of_message:
            await _record_refusal(world, request, error)
        return Answer(error.status, error.body())
    except OSError:
        return _answer_error(GraphError(131000, "The sandbox cannot write its file of sends."))


def _understand(world: World, request: Request) -> Message:
    if not request.token:
        raise GraphError(190, "An access token is required: Authorization: Bearer <token>.")
    message = schemas.parse(request.body)
    schemas.check(message, request.body)
    if message.template is not None and message.type == "template":
        _check_known_template(world, message.template)
    if world.webhooks.is_full and not message.is_mark:
        raise GraphError(130429, "Too many webhooks wait for the receiver.")
    return message


def _check_known_template(world: World, template: schemas.Template) -> None:
    known = world.numbers.template(template.name or "")
    if known is None:
        return
    language = template.language.code if template.language else None
    if known.language is not None and known.language != language:
        raise GraphError(132001, f"template name ({template.name}) does not exist in {language}")
    given = len(template.body_parameters)
    if known.body_parameters is not None and known.body_parameters != given:
        details = f"body: number of localizable_params ({given}) does not match the expected number of params"
        raise GraphError(132000, f"{details} ({known.body_parameters})")


async def _send(world: World, request: Request, message: Message) -> Answer:
    scenario = world.scenarios.take(digits(message.to or ""))
    verdict = _judge(scenario)
    send, durable = world.sends.record(_draft(world, request, message, scenario, verdict))
    words = message.words
    with world.people.calling(send, words, request.arrived):
        await durable
        latency = (world.latency_ms if scenario.latency_ms is None else scenario.latency_ms) / 1000
        wait = latency - (time.time() - request.arrived)
        if verdict.outcome != "refused":
            _report(world, send, words, accepted_in=max(wait, 0.0))
        await asyncio.sleep(max(wait, 0.0) + scenario.hang_ms / 1000)
        return _answer(world, scenario, verdict, send)


def _judge(scenario: Scenario) -> Verdict:
    if scenario.refuse_code is not None:
        return Verdict("refused", scenario.refuse_code, GraphError(scenario.refuse_code))
    if scenario.drop is not None:
        return Verdict("dropped" if scenario.drop == "after" else "refused")
    if scenario.html_502:
        return Verdict("dropped" if scenario.html_502_accepted else "refused")
    return Verdict("accepted")


def _draft(world: World, request: Request, message: Message, scenario: Scenario, verdict: Verdict) -> Send:
    template = world.numbers.template(message.template.name or "") if message.template else None
    return Send(
        n=0,
        to=message.to or "",
        biz_opaque_callback_data=message.biz_opaque_callback_data,
        wamid=None if verdict.outcome == "refused" else outbound_wamid(digits(message.to or "")),
        outcome=verdict.outcome,
        code=verdict.code,
        at=iso(request.arrived),
        phone_number_id=request.number,
        type=message.type,
        category=template.category if template else None,
        plan=ORDINARY if verdict.outcome == "refused" else _plan(scenario),
    )


def _plan(scenario: Scenario) -> Plan:
    statuses: list[str] | None = list(scenario.statuses) if scenario.statuses is not None else None
    if scenario.fail_code is not None:
        statuses = [*(statuses or []), *([] if statuses and FAILED in statuses else [FAILED])]
    return Plan(
        statuses=ORDINARY.statuses if statuses is None else tuple(statuses),
        fail_code=scenario.fail_code,
        status_delay_ms=scenario.status_delay_ms,
        duplicate=scenario.duplicate,
        reply_text=scenario.reply_text,
    )


def _report(world: World, send: Send, words: str, *, accepted_in: float) -> None:
    phone, now = digits(send.to), time.time()
    world.people.deliver(send, words, now + accepted_in)
    window_open = world.people.window_open(phone, send.phone_number_id, now)
    world.webhooks.report(send, accepted_in_seconds=accepted_in, window_open=window_open)


def _answer(world: World, scenario: Scenario, verdict: Verdict, send: Send) -> Answer:
    if verdict.error is not None:
        return _answer_error(verdict.error)
    if scenario.drop is not None:
        return RESET
    if scenario.html_502:
        return Answer(502, HTML_502, b"text/html; charset=utf-8")
    return Answer(200, _success(world, send))


def _answer_error(error: GraphError) -> Answer:
    return Answer(error.status, error.body())


def _success(world: World, send: Send) -> bytes:
    phone = digits(send.to)
    person = user_id(phone, world.numbers.number(send.phone_number_id).waba_id, world.seed)
    message = {"id": send.wamid} | ({"message_status": "accepted"} if send.type == "template" else {})
    contact = {"input": send.to, "wa_id": phone, "user_id": person}
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
