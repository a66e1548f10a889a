"""What a stranger may name in a message of its own: neither the owner's number in a batch nor the owner's messages."""

from typing import Any

from services.kernel.identifiers import uuid7
from tests.e2e.harness.tenants import new_meta_id, template_body, text_body
from tests.e2e.walls.asking import Answer
from tests.e2e.walls.trials import GRAPH, Stand

BATCH = "/v1/messages:batch"
CHECK = "/v1/messages:check"


async def sending_a_batch(stand: Stand) -> None:
    """From the owner's number, and from its own with the owner's messages quoted, marked and reacted to."""
    theirs, none = stand.owner.phone_number_id, new_meta_id()
    refused = await _batch(stand, theirs)
    assert refused.status == 200
    assert refused.body["results"][0]["status"] == 400
    assert refused.about(theirs) == (await _batch(stand, none)).about(none)
    await _naming_the_owners_message(stand)


async def _batch(stand: Stand, phone_number_id: str) -> Answer:
    item = {"phone_number_id": phone_number_id, "message": template_body(stand.person, "Анна")}
    return await stand.ask("POST", BATCH, {"messages": [item]})


async def _naming_the_owners_message(stand: Stand) -> None:
    own = GRAPH.format(stand.stranger.phone_number_id)
    theirs, none = stand.message_id, str(uuid7())
    for refused, never in zip(_naming(stand, theirs), _naming(stand, none), strict=True):
        answer = await stand.ask("POST", own, refused)
        assert (answer.status, answer.body["error"]["code"]) == (400, 131009)
        assert answer.about(theirs) == (await stand.ask("POST", own, never)).about(none)


def _naming(stand: Stand, message_id: str) -> list[dict[str, Any]]:
    reaction = {"message_id": message_id, "emoji": "👍"}
    return [
        {**text_body(stand.person, "Здравствуйте"), "context": {"message_id": message_id}},
        {"messaging_product": "whatsapp", "to": stand.person, "type": "reaction", "reaction": reaction},
        {"messaging_product": "whatsapp", "status": "read", "message_id": message_id},
    ]


async def checking_a_message(stand: Stand) -> None:
    """From the owner's number, and from its own with the owner's message quoted."""
    theirs, none = stand.owner.phone_number_id, new_meta_id()
    refused = await _check(stand, theirs, text_body(stand.person, "Здравствуйте"))
    assert (refused.status, refused.body["allowed"], refused.body["trace"]) == (200, False, [])
    assert refused.about(theirs) == (await _check(stand, none, text_body(stand.person, "Здравствуйте"))).about(none)
    own, message_id, never = stand.stranger.phone_number_id, stand.message_id, str(uuid7())
    quoting = [_naming(stand, named)[0] for named in (message_id, never)]
    first, second = [await _check(stand, own, message) for message in quoting]
    assert (first.status, first.body["error"]["code"]) == (200, 131009)
    assert first.about(message_id) == second.about(never)


async def _check(stand: Stand, phone_number_id: str, message: dict[str, Any]) -> Answer:
    return await stand.ask("POST", CHECK, {"phone_number_id": phone_number_id, "message": message})
