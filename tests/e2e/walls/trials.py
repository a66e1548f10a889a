"""How another tenant's key is tried on each route of a tenant: each trial compares with what does not exist."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from services.kernel.identifiers import uuid7
from tests.e2e.harness.staff import Staff
from tests.e2e.harness.tenants import Tenant, new_meta_id, new_person, template_body
from tests.e2e.walls.asking import Answer, ask

GRAPH = "/v23.0/{}/messages"


@dataclass
class Stand:
    """Two tenants with the same kinds of things; the stranger B calls with `token` at `url`."""

    owner: Tenant
    stranger: Tenant
    staff: Staff
    person: str  # of the owner, who has consented and was written to
    message_id: str  # of the owner
    idempotency_key: str  # used by the owner
    url: str = ""
    token: str = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {} if body is None else {"json": body}
        return await ask(self.owner.http, method, self.url + path, token=self.token, headers=headers, **sent)


Trial = Callable[[Stand], Awaitable[None]]


async def sending(stand: Stand) -> None:
    """From the owner's number, with the owner's template, under the owner's idempotency key."""
    body = template_body(stand.person, "Анна")
    theirs, none = stand.owner.phone_number_id, new_meta_id()
    for more in ({}, {"Idempotency-Key": stand.idempotency_key}):
        refused = await stand.ask("POST", GRAPH.format(theirs), body, **more)
        assert refused.status == 400
        assert refused.about(theirs) == (await stand.ask("POST", GRAPH.format(none), body, **more)).about(none)
    await _sending_with_the_owners_template(stand)
    own = GRAPH.format(stand.stranger.phone_number_id)
    accepted = await stand.ask("POST", own, body, **{"Idempotency-Key": stand.idempotency_key})
    assert accepted.status == 200
    assert accepted.body["messages"][0]["id"] != stand.message_id
    await stand.stranger.wait_state(accepted.body["messages"][0]["id"], "failed")  # the person consented to the owner


async def _sending_with_the_owners_template(stand: Stand) -> None:
    theirs, none = f"only_{secrets.token_hex(4)}", f"none_{secrets.token_hex(4)}"
    template = {"waba_id": stand.owner.waba_id, "language": "ru", "category": "utility", "body_parameters": 1}
    await stand.staff.call("gateway", f"/internal/tenants/{stand.owner.id}/templates", {**template, "name": theirs})
    own = GRAPH.format(stand.stranger.phone_number_id)
    refused = await stand.ask("POST", own, template_body(stand.person, "Анна", name=theirs))
    never = await stand.ask("POST", own, template_body(stand.person, "Анна", name=none))
    assert refused.status == 404
    assert refused.about(theirs) == never.about(none)


async def reading_a_message(stand: Stand) -> None:
    none = str(uuid7())
    refused = await stand.ask("GET", f"/v1/messages/{stand.message_id}")
    assert refused.status == 404
    assert refused.about(stand.message_id) == (await stand.ask("GET", f"/v1/messages/{none}")).about(none)


async def setting_the_callback(stand: Stand) -> None:
    """The route names no tenant but the key's own."""
    before = await stand.owner.call("GET", "/v1/callback")
    body = {"url": "http://127.0.0.1:9/mine", "tenant_id": stand.owner.id}
    await stand.ask("PUT", "/v1/callback", body, **_claiming(stand))
    answer = await stand.ask("PUT", "/v1/callback", {"url": body["url"]}, **_claiming(stand))
    assert answer.status == 200
    assert (await stand.owner.call("GET", "/v1/callback")).body == before.body


async def reading_the_callback(stand: Stand) -> None:
    theirs = (await stand.owner.call("GET", "/v1/callback")).body
    answer = await stand.ask("GET", f"/v1/callback?tenant_id={stand.owner.id}", **_claiming(stand))
    assert answer.status == 200
    assert theirs["url"] not in str(answer.body)
    assert answer.body["secret_hint"] != theirs["secret_hint"]


async def recording_consent(stand: Stand) -> None:
    known = await stand.owner.new_person()
    before = await stand.owner.consents(known)
    assert await _record(stand, known) == await _record(stand, new_person())
    assert await stand.owner.consents(known) == before


async def _record(stand: Stand, phone: str) -> Answer:
    evidence = {"source": "web_form", "text": "Согласен.", "given_at": "2026-01-02T03:04:05Z"}
    body = {"phone": phone, "purpose": "service", "evidence": evidence}
    answer = await stand.ask("POST", "/v1/consents", body, **_claiming(stand))
    assert answer.status == 201
    return answer.about(phone, answer.body["id"], answer.body["recorded_at"])


async def reading_consents(stand: Stand) -> None:
    known = await stand.owner.new_person()
    assert await _read(stand, known) == await _read(stand, new_person())


async def _read(stand: Stand, phone: str) -> Answer:
    path = f"/v1/consents?phone={quote(phone)}&tenant_id={stand.owner.id}"
    answer = await stand.ask("GET", path, **_claiming(stand))
    assert answer.status == 200
    return answer.about(phone)


async def withdrawing_consent(stand: Stand) -> None:
    known = await stand.owner.new_person()
    before = await stand.owner.consents(known)
    assert await _withdraw(stand, known) == await _withdraw(stand, new_person())
    assert await stand.owner.consents(known) == before


async def _withdraw(stand: Stand, phone: str) -> Answer:
    answer = await stand.ask("POST", "/v1/consents:withdraw", {"phone": phone}, **_claiming(stand))
    assert answer.status == 200
    return answer.about(phone, *(one["since"] for one in answer.body["consents"]))


async def reading_the_balance(stand: Stand) -> None:
    """The owner has spent and holds; the stranger sees a wallet in which nothing was ever moved."""
    own = await stand.ask("GET", "/v1/billing/balance")
    answer = await stand.ask("GET", f"/v1/billing/balance?tenant_id={stand.owner.id}", **_claiming(stand))
    assert answer.status == 200
    assert answer == own
    assert answer.body["wallet"]["amount"] == "77.00"
    assert (await stand.owner.wallet())[0] != "77.00"


def _claiming(stand: Stand) -> dict[str, str]:
    """Headers in which a caller could claim to be somebody else, if anybody believed them."""
    return {"X-Tenant-Id": stand.owner.id, "X-Forwarded-User": stand.owner.id}
