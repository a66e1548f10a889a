"""A tenant's own software, and the staff who bring tenants in."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.e2e.harness.receiver import Receiver
from tests.e2e.harness.waiting import eventually

GRAPH_VERSION = "v23.0"
TEMPLATE, MARKETING, CODE = "order_ready", "spring_sale", "sign_in_code"
LANGUAGE = "ru"
CATEGORIES = {TEMPLATE: "utility", MARKETING: "marketing", CODE: "authentication"}
FINISHED = frozenset({"read", "captured", "called_back"})

_persons = itertools.count(secrets.randbelow(5_000_000))


def new_person() -> str:
    """A phone number that no test has used."""
    return f"+7999{next(_persons) % 10_000_000:07d}"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message_id(self) -> str:
        assert self.status == 200, f"{self.status}: {self.body}"
        return str(self.body["messages"][0]["id"])

    @property
    def code(self) -> int:
        """Meta's code in a refusal of the Graph door."""
        return int(self.body["error"]["code"])


@dataclass
class Tenant:
    """What a tenant's software does; `callbacks` is its endpoint."""

    http: aiohttp.ClientSession
    gateway: str
    id: str
    api_key: str
    callback_secret: str
    phone_number_id: str
    waba_id: str
    callbacks: Receiver = field(repr=False)

    # --- sending --------------------------------------------------------------------------------------------------

    async def post(
        self, body: Any, *, idempotency_key: str | None = None, phone_number_id: str | None = None, **headers: str
    ) -> Answer:
        """Post to the Graph-shaped door exactly this body."""
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        path = f"/{GRAPH_VERSION}/{phone_number_id or self.phone_number_id}/messages"
        return await self.call("POST", path, body, **headers)

    async def send_template(
        self, person: str, *parameters: str, name: str = TEMPLATE, idempotency_key: str | None = None
    ) -> str:
        """Post an approved template (one body parameter); our message id."""
        body = template_body(person, *(parameters or ("Анна",)), name=name)
        return (await self.post(body, idempotency_key=idempotency_key)).message_id

    async def send_text(self, person: str, text: str = "Здравствуйте!", *, idempotency_key: str | None = None) -> str:
        """Post a free-form text; our message id."""
        return (await self.post(text_body(person, text), idempotency_key=idempotency_key)).message_id

    # --- looking --------------------------------------------------------------------------------------------------

    async def message(self, message_id: str) -> dict[str, Any]:
        answer = await self.call("GET", f"/v1/messages/{message_id}")
        assert answer.status == 200, f"{answer.status}: {answer.body}"
        found: dict[str, Any] = answer.body
        return found

    async def wait_state(self, message_id: str, *states: str, seconds: float = 45.0) -> dict[str, Any]:
        """The message as soon as it is in one of the states."""

        async def probe() -> dict[str, Any]:
            found = await self.message(message_id)
            assert found["state"] in states, f"{message_id} is {found['state']}, error {found['error']}"
            return found

        found: dict[str, Any] = await eventually(probe, f"{message_id} in {states}", seconds=seconds)
        return found

    async def wait_events(
        self, message_id: str, events: frozenset[str] = FINISHED, *, seconds: float = 45.0
    ) -> dict[str, Any]:
        """The message as soon as all these events have happened to it."""

        async def probe() -> dict[str, Any]:
            found = await self.message(message_id)
            missing = events - {event["type"] for event in found["events"]}
            assert not missing, f"{message_id} is {found['state']}, misses {missing}, error {found['error']}"
            return found

        found: dict[str, Any] = await eventually(probe, f"{message_id} with {set(events)}", seconds=seconds)
        return found

    async def wallet(self) -> tuple[str, str]:
        """(wallet, held) as decimal strings."""
        body = (await self.call("GET", "/v1/billing/balance")).body
        return body["wallet"]["amount"], body["held"]["amount"]

    # --- consent --------------------------------------------------------------------------------------------------

    async def new_person(self, *purposes: str) -> str:
        """A new person who has consented (to service messages unless told otherwise)."""
        person = new_person()
        for purpose in purposes or ("service",):
            await self.consent(person, purpose)
        return person

    async def consent(self, person: str, purpose: str = "service") -> None:
        evidence = {"source": "web_form", "text": "Согласен получать сообщения."}
        body = {"phone": person, "purpose": purpose, "evidence": evidence}

        async def answered() -> Answer | None:
            """Of several copies of consent one may not know a new tenant yet, and says so: try again."""
            answer = await self.call("POST", "/v1/consents", body)
            return None if answer.status == 503 else answer

        answer = await eventually(answered, "consent is given")
        assert answer.status in (200, 201), f"{answer.status}: {answer.body}"

    async def withdraw(self, person: str, purpose: str | None = None) -> None:
        body = {"phone": person} | ({"purpose": purpose} if purpose else {})
        answer = await self.call("POST", "/v1/consents:withdraw", body)
        assert answer.status == 200, f"{answer.status}: {answer.body}"

    async def consents(self, person: str) -> dict[str, Any]:
        """State and history by purpose."""
        body = (await self.call("GET", f"/v1/consents?phone={person.replace('+', '%2B')}")).body
        return {one["purpose"]: one for one in body["consents"]}

    # --- HTTP -----------------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Any call with this tenant's key; bytes are sent as they are."""
        headers = {"Authorization": f"Bearer {self.api_key}", **headers}
        content = {"data": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        async with self.http.request(method, self.gateway + path, headers=headers, **content) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answer(
                answer.status, dict(answer.headers), await answer.json(content_type=None) if is_json else text
            )


def template_body(person: str, *parameters: str, name: str = TEMPLATE) -> dict[str, Any]:
    values = [{"type": "text", "text": value} for value in parameters]
    content = {"name": name, "language": {"code": LANGUAGE}, "components": [{"type": "body", "parameters": values}]}
    return {"messaging_product": "whatsapp", "to": person, "type": "template", "template": content}


def text_body(person: str, text: str) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": person, "type": "text", "text": {"body": text}}


def new_meta_id() -> str:
    """An id like Meta's: 15 digits."""
    return str(10**14 + secrets.randbelow(9 * 10**14))
