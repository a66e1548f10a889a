"""How another tenant's key is tried on what is read and cancelled: messages, numbers, accounts, templates, profiles."""

import secrets
from typing import Any
from urllib.parse import quote

from services.kernel.identifiers import uuid7
from tests.e2e.harness.tenants import TEMPLATE, new_meta_id
from tests.e2e.walls.asking import Answer
from tests.e2e.walls.trials import Stand

GRAPH = "/v23.0"


async def listing_messages(stand: Stand) -> None:
    """Whatever the stranger asks for, it sees what it would see if the owner did not exist."""
    own = await stand.ask("GET", "/v1/messages")
    assert own.status == 200
    assert stand.message_id not in str(own.body)
    for theirs, none in (
        (f"phone_number_id={stand.owner.phone_number_id}", f"phone_number_id={new_meta_id()}"),
        (f"tenant_id={stand.owner.id}", f"tenant_id={uuid7()}"),
    ):
        assert (await _list(stand, theirs)).about() == (await _list(stand, none)).about()
    for query in (f"person={quote(stand.person)}", f"template={TEMPLATE}&state=read&state=sent"):
        assert stand.message_id not in str((await _list(stand, query)).body)


async def _list(stand: Stand, query: str) -> Answer:
    return await stand.ask("GET", f"/v1/messages?{query}")


async def cancelling_a_message(stand: Stand) -> None:
    none = str(uuid7())
    before = await stand.owner.message(stand.message_id)
    refused = await stand.ask("POST", f"/v1/messages/{stand.message_id}:cancel")
    assert refused.status == 404
    assert refused.about(stand.message_id) == (await stand.ask("POST", f"/v1/messages/{none}:cancel")).about(none)
    assert await stand.owner.message(stand.message_id) == before


async def reading_an_object(stand: Stand) -> None:
    name = f"only_{secrets.token_hex(4)}"
    template = {"waba_id": stand.owner.waba_id, "name": name, "language": "ru", "category": "utility"}
    components = [{"type": "BODY", "text": "Готово"}]
    made: Any = await stand.staff.call(
        "gateway", f"/internal/tenants/{stand.owner.id}/templates", {**template, "components": components}
    )
    for theirs, none in (
        (stand.owner.phone_number_id, new_meta_id()),
        (stand.owner.waba_id, new_meta_id()),
        (made["id"], str(uuid7())),
    ):
        for query in ("", "?fields=id", "?fields=name,status"):
            await _is_unknown(stand, "GET", f"{theirs}{query}", f"{none}{query}")


async def listing_numbers(stand: Stand) -> None:
    await _edge_is_unknown(stand, "GET", stand.owner.waba_id, "phone_numbers")


async def listing_templates(stand: Stand) -> None:
    await _edge_is_unknown(stand, "GET", stand.owner.waba_id, "message_templates")


async def reading_a_profile(stand: Stand) -> None:
    await _edge_is_unknown(stand, "GET", stand.owner.phone_number_id, "whatsapp_business_profile")


async def changing_a_profile(stand: Stand) -> None:
    body = {"messaging_product": "whatsapp", "about": "Взломано"}
    await _edge_is_unknown(stand, "POST", stand.owner.phone_number_id, "whatsapp_business_profile", body)


async def _edge_is_unknown(stand: Stand, method: str, theirs: str, edge: str, body: Any = None) -> None:
    await _is_unknown(stand, method, f"{theirs}/{edge}", f"{new_meta_id()}/{edge}", body)


async def _is_unknown(stand: Stand, method: str, theirs: str, none: str, body: Any = None) -> None:
    """Both get the same refusal, in which neither is named."""
    refused = await stand.ask(method, f"{GRAPH}/{theirs}", body)
    assert (refused.status, refused.body["error"]["error_subcode"]) == (400, 33)
    assert refused.about() == (await stand.ask(method, f"{GRAPH}/{none}", body)).about()
