"""Right before its call every message is asked about again: send, stop or wait."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.consent.clearance.endpoints import BEHIND_SECONDS
from services.kernel import clock
from services.kernel.client import Answer
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.identifiers import uuid7
from services.kernel.kafka.lag import GroupLag
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record
from services.kernel.tenants import TenantDirectory
from tests.consent.conftest import Api
from tests.consent.stand import HOUR, NOON, PHONE, Consent, Tenant, accepted, inbound, person_id, until

PATH = "/internal/questions"
SEND = ("send", None, None)


def body(questions: Sequence[tuple[UUID, UUID]]) -> bytes:
    return msgspec.json.encode({"questions": [{"tenant_id": t, "message_id": m} for t, m in questions]})


async def ask(api: Api, *messages: MessageAccepted) -> list[tuple[Any, ...]]:
    answer = await api.post(PATH, body([(one.tenant_id, one.message_id) for one in messages]))
    assert answer.status == 200, answer.body
    answers = answer.json()["answers"]
    assert [one["message_id"] for one in answers] == [str(one.message_id) for one in messages]
    return [(one["answer"], one["code"], one["reason"]) for one in answers]


async def give(api: Api, tenant: Tenant, phone: str = PHONE) -> Answer:
    given = {"phone": phone, "purpose": "service", "evidence": {"source": "checkbox", "text": "yes"}}
    answer = await api.post("/v1/consents", msgspec.json.encode(given), tenant_id=tenant.id)
    assert answer.status == 201
    return answer


@pytest.fixture
async def template(watched_api: Api, tenant: Tenant, consent: Consent) -> MessageAccepted:
    """A template that was cleared on a consent."""
    await give(watched_api, tenant)
    message = accepted(tenant.id, tenant.person())
    await consent.accepts(message)
    return message


async def test_a_cleared_message_whose_ground_still_holds_may_go(watched_api: Api, template: MessageAccepted) -> None:
    assert await ask(watched_api, template) == [SEND]


async def test_a_withdrawal_between_clearance_and_call_stops_the_message(
    watched_api: Api, template: MessageAccepted, tenant: Tenant
) -> None:
    withdrawn = msgspec.json.encode({"phone": PHONE})
    assert (await watched_api.post("/v1/consents:withdraw", withdrawn, tenant_id=tenant.id)).status == 200
    assert await ask(watched_api, template) == [("stop", 131050, "withdrawn")]


async def test_a_stop_between_clearance_and_call_stops_template_and_text(
    watched_api: Api, template: MessageAccepted, tenant: Tenant, consent: Consent
) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), clock.now()))
    reply = accepted(tenant.id, tenant.person(), kind="text")
    await consent.accepts(reply)
    assert await ask(watched_api, template, reply) == [SEND, SEND]
    await consent.hears(inbound(tenant.id, tenant.person(), clock.now(), "stop"))
    assert await ask(watched_api, template, reply) == [("stop", 131050, "withdrawn")] * 2


async def test_a_window_that_closes_between_clearance_and_call_stops_the_reply(
    watched_api: Api, tenant: Tenant, consent: Consent
) -> None:
    began = clock.now()
    await consent.hears(inbound(tenant.id, tenant.person(), began))
    reply = accepted(tenant.id, tenant.person(), kind="text")
    await consent.accepts(reply)
    # Both ends are frozen to one time, so that the caller's token is of that time too.
    with clock.frozen(began + 23 * HOUR):
        assert await ask(watched_api, reply) == [SEND]
    with clock.frozen(began + 24 * HOUR):
        assert await ask(watched_api, reply) == [("stop", 131047, "window_closed")]


async def test_a_refused_message_is_stopped_with_its_reason(watched_api: Api, tenant: Tenant, consent: Consent) -> None:
    message = accepted(tenant.id, tenant.person())
    advertising = accepted(tenant.id, tenant.person(), category="marketing")
    await consent.accepts(message, advertising)
    await give(watched_api, tenant)  # too late for the message that was refused
    assert await ask(watched_api, advertising, message) == [
        ("stop", 130497, "policy"),
        ("stop", 131050, "no_consent"),
    ]


async def test_an_expired_message_is_stopped(watched_api: Api, tenant: Tenant, consent: Consent) -> None:
    await give(watched_api, tenant)
    message = accepted(tenant.id, tenant.person(), expires_at=clock.now() + HOUR)
    await consent.accepts(message)
    with clock.frozen(message.expires_at):
        assert await ask(watched_api, message) == [("stop", None, "expired")]


async def test_an_unknown_message_waits_and_so_does_one_of_another_tenant(
    watched_api: Api, template: MessageAccepted, other_tenant: Tenant
) -> None:
    unknown = accepted(template.tenant_id, template.person)
    foreign = accepted(other_tenant.id, template.person, message_id=template.message_id)
    assert await ask(watched_api, unknown, foreign, template) == [("wait", None, None)] * 2 + [SEND]


async def test_a_message_waits_while_the_class_of_its_tenant_is_not_known(
    watched_api: Api, template: MessageAccepted, directory: TenantDirectory, tenant: Tenant
) -> None:
    """A process that has just started might not know yet that a final rule speaks about this class."""
    directory._tenants.clear()
    assert await ask(watched_api, template) == [("wait", None, None)]
    directory._tenants[tenant.id] = tenant.changed
    assert await ask(watched_api, template) == [SEND]


async def test_nobody_sends_while_stops_may_wait_unread(
    watched_api: Api,
    template: MessageAccepted,
    consent: Consent,
    lag: GroupLag,
    publisher: Publisher,
) -> None:
    refused = accepted(template.tenant_id, person_id("somebody else"))
    await consent.accepts(refused)
    topic, group = lag._topic, lag._group
    await publisher.send([Record(topic=topic, key=b"k", value=b"a STOP perhaps", headers=())])
    await until(lambda: lag.behind(BEHIND_SECONDS))
    assert await ask(watched_api, template, refused) == [("wait", None, None), ("stop", 131050, "no_consent")]
    reader = AIOKafkaConsumer(
        bootstrap_servers=lag._settings.bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    reader.assign([TopicPartition(topic, 0)])
    await reader.start()
    await reader.commit({TopicPartition(topic, 0): 1})
    await reader.stop()
    await until(lambda: not lag.behind(BEHIND_SECONDS))
    assert await ask(watched_api, template) == [SEND]


async def test_nobody_sends_while_the_lag_is_not_known(api: Api, tenant: Tenant, consent: Consent) -> None:
    """The watch behind this API never reached a broker."""
    await give(api, tenant)
    message = accepted(tenant.id, tenant.person())
    await consent.accepts(message)
    assert await ask(api, message) == [("wait", None, None)]


async def test_a_question_about_nothing_has_no_answers(api: Api) -> None:
    assert await ask(api) == []


async def test_only_services_may_ask(api: Api, tenant: Tenant) -> None:
    asked = body([(tenant.id, uuid7())])
    assert (await api.post(PATH, asked, tenant_id=tenant.id)).status == 403
    assert (await api.post_as_staff(PATH, asked)).status == 403


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[]",
        b'{"questions": 5}',
        b'{"questions": [{}]}',
        b'{"questions": [{"tenant_id": "x", "message_id": "y"}]}',
        b'{"questions": [], "more": 1}',
        b"\xff",
    ],
)
async def test_what_is_no_list_of_questions_is_422(api: Api, bad: bytes) -> None:
    answer = await api.post(PATH, bad)
    assert (answer.status, answer.content_type) == (422, "application/problem+json")


async def test_too_many_questions_are_refused(api: Api) -> None:
    one = uuid4()
    assert (await api.post(PATH, body([(one, one)] * 2_001))).status == 422


async def test_inbound_messages_acceptances_and_withdrawals_side_by_side_never_deadlock(
    api: Api, tenant: Tenant, consent: Consent
) -> None:
    """Batches that touch the same persons in opposite orders, from both consumers and over HTTP, all at once."""
    phones = [f"+7916000000{number}" for number in range(8)]
    people = [tenant.person(phone) for phone in phones]
    signals: list[Any] = [("stop",), ("start",), ()]

    async def hear(number: int) -> None:
        order = people if number % 2 else people[::-1]
        await consent.hears(*(inbound(tenant.id, one, NOON + number * HOUR, *signals[number % 3]) for one in order))

    async def withdraw(phone: str) -> None:
        asked = msgspec.json.encode({"phone": phone})
        assert (await api.post("/v1/consents:withdraw", asked, tenant_id=tenant.id)).status == 200

    await asyncio.gather(
        *(hear(number) for number in range(12)),
        *(withdraw(phone) for phone in phones),
        *(consent.accepts(*(accepted(tenant.id, one) for one in people)) for _ in range(4)),
    )
    for person in people:
        (fact,) = await consent.accepts(accepted(tenant.id, person))
        assert (fact.code, fact.reason) == (131050, "withdrawn")
