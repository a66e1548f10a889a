"""An end-to-end run in which everything personal is recognisable: what is said, who says it, and every wrong turn."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from deploy.local.environment import SANDBOX_SEED
from services.sandbox.identity import user_id
from tests.e2e.conftest import World
from tests.e2e.harness import meta
from tests.e2e.harness.tenants import LANGUAGE, TEMPLATE, Tenant, new_person, template_body, text_body
from tests.e2e.harness.waiting import eventually
from tests.e2e.leaks.forms import Secret, phone, text

CALLBACK_TOKEN = "token in the callback URL"


def words(name: str) -> str:
    """Words that occur nowhere else: Cyrillic, an emoji outside the basic plane, and a random part."""
    return f"{name} «тайна» 🎄 ёлка {secrets.token_hex(4)}"


def spellings(person: str) -> tuple[str, str, str]:
    """A person's number as tenants write it."""
    area, first, second, third = person[2:5], person[5:8], person[8:10], person[10:]
    return person, person[1:], f"+7 ({area}) {first}-{second}-{third}"


@dataclass
class Story:
    """Says things and remembers what must not be found."""

    world: World
    tenant: Tenant
    secrets: list[Secret] = field(default_factory=list)

    def say(self, name: str) -> str:
        said = words(name)
        self.secrets.append(text(name, said))
        return said

    async def person(self, name: str, *, consented: bool = True) -> str:
        found = new_person()
        self.secrets.append(phone(name, found))
        self.secrets.append(text(f"{name}'s BSUID", user_id(found[1:], self.tenant.waba_id, SANDBOX_SEED)))
        if consented:
            evidence = {"source": "web_form", "text": self.say(f"evidence of {name}")}
            body = {"phone": spellings(found)[2], "purpose": "service", "evidence": evidence}
            assert (await self.tenant.call("POST", "/v1/consents", body)).status == 201
        return found

    async def tell(self) -> None:
        """Everything, one thing after the other; returns when all of it is settled."""
        self.secrets += [text("API key", self.tenant.api_key), text("callback secret", self.tenant.callback_secret)]
        await self._own_number()
        await self._own_address()
        person = await self.person("Анна")
        await self._conversation(person)
        await self._refused_by_meta()
        await self._refused_by_us(person)
        await self._strange_webhooks(person)
        await self._left_waiting()
        self.secrets += [
            text("wamid", row["wamid"])
            for row in await self.world.sandbox.sends()
            if row["wamid"] and row["phone_number_id"] == self.tenant.phone_number_id
        ]

    async def _own_number(self) -> None:
        token, shown = secrets.token_urlsafe(32), new_person()
        self.secrets += [text("access token", token), phone("business number", shown)]
        number = {"phone_number_id": str(secrets.randbelow(10**14)), "waba_id": self.tenant.waba_id}
        body = {**number, "display_phone_number": shown, "access_token": token}
        await self.world.staff.call("gateway", f"/internal/tenants/{self.tenant.id}/numbers", body)

    async def _own_address(self) -> None:
        token = secrets.token_urlsafe(32)
        self.secrets.append(text(CALLBACK_TOKEN, token))
        answer = await self.tenant.call("PUT", "/v1/callback", {"url": f"{self.tenant.callbacks.url}?token={token}"})
        assert answer.status == 200

    async def _conversation(self, person: str) -> None:
        """Templates to every spelling, an answer, a free reply, a STOP, and a message that it stops."""
        for spelling in spellings(person):
            body = template_body(spelling, self.say("parameter"))
            body["biz_opaque_callback_data"] = self.say("callback data")
            key = f"order {secrets.token_hex(8)}"
            self.secrets.append(text("idempotency key", key))
            await self.tenant.wait_events((await self.tenant.post(body, idempotency_key=key)).message_id)
        await self._person_writes(person, self.say("answer"))
        await self.tenant.wait_events(await self.tenant.send_text(person, self.say("reply")))
        await self._person_writes(person, "СТОП")
        refused = await self.tenant.send_template(person, self.say("parameter after STOP"))
        await self.tenant.wait_state(refused, "failed")

    async def _person_writes(self, person: str, said: str) -> None:
        await self.world.sandbox.write(person, said, self.tenant.phone_number_id)
        await eventually(lambda: self.tenant.callbacks.messages(said))

    async def _refused_by_meta(self) -> None:
        person = await self.person("Вера")
        for scenario in ({"refuse_code": 131026}, {"fail_code": 131026}, {"drop": "after"}):
            await self.world.sandbox.scenario(person, **scenario)
            message_id = await self.tenant.send_template(person, self.say("refused parameter"))
            await self.tenant.wait_state(message_id, "failed", "read")

    async def _refused_by_us(self, person: str) -> None:
        """What is refused is not kept either, and not quoted in a log."""
        said = self.say("refused words")
        too_long = {"body": said + "!" * 5_000}
        bodies: list[Any] = [
            template_body(person, said, said),
            template_body(person, said, name="not_there"),
            {**text_body(person, said), "to": f"{person} {said}"},
            {**text_body(person, said), "text": too_long},
            json.dumps(text_body(person, said), ensure_ascii=False).encode()[:-1],
            text_body(person, said + "\ud83c".encode("utf-16", "surrogatepass").decode("utf-16", "replace")),
        ]
        answers = [await self.tenant.post(body) for body in bodies]
        assert {answer.status for answer in answers[:-1]} <= {400, 404, 422}
        evidence = {"source": said, "text": said}
        wrong = [
            ("POST", "/v1/consents", {"phone": person, "purpose": said, "evidence": evidence}),
            ("POST", "/v1/consents", {"phone": f"{person}{person[1:]}", "purpose": "service", "evidence": evidence}),
            ("POST", "/v1/consents:withdraw", {"phone": f"{person}x"}),
            ("GET", f"/v1/consents?phone={person[1:]}x", None),
            ("GET", f"/v1/messages/{person[1:]}", None),
            ("GET", f"/{person[1:]}", None),
        ]
        for method, path, body in wrong:
            assert 400 <= (await self.tenant.call(method, path, body)).status < 500
        assert (await self.tenant.call("GET", f"/v1/consents?phone=%2B{person[1:]}")).status == 200

    async def _strange_webhooks(self, person: str) -> None:
        """Signed, and yet not for a tenant, not readable, or with words where there should be none."""
        said, number = self.say("webhook words"), self.tenant.phone_number_id
        wamid = f"wamid.{secrets.token_hex(16)}"
        self.secrets.append(text("strange wamid", wamid))
        errors = [{"code": 131026, "title": said, "message": said, "error_data": {"details": f"{said} {person}"}}]
        for body in (
            meta.inbound(str(secrets.randbelow(10**14)), said, person=person),
            meta.inbound(said, said, person=person),
            meta.status_update(number, wamid, "failed", person=person, errors=errors),
            meta.status_update(number, wamid, said, person=person),
            json.dumps({"object": said, "entry": [{"id": person, "changes": said}]}).encode(),
            f'{{"object": "{said}", "entry": [{person}'.encode(),
        ):
            assert await self.world.meta.post(body) in (200, 400)
        for name, value in self._said_of_the_account(person, said).items():
            entry = {"id": self.tenant.waba_id, "time": 1, "changes": [{"field": name, "value": value}]}
            assert await self.world.meta.post({"object": "whatsapp_business_account", "entry": [entry]}) == 200
        await eventually(lambda: any("user_preferences" in one.value for one in self.tenant.callbacks.values))

    def _said_of_the_account(self, person: str, said: str) -> dict[str, dict[str, Any]]:
        """Fields of the topic `platform`, with people and words wherever there is a place for them."""
        metadata = {"display_phone_number": said, "phone_number_id": self.tenant.phone_number_id}
        preference = {"wa_id": person[1:], "detail": said, "category": said, "value": "stop", "timestamp": 1}
        template = {"message_template_name": TEMPLATE, "message_template_language": LANGUAGE, "reason": said}
        alert = {"alert_severity": said, "alert_status": said, "alert_type": said, "alert_description": said}
        return {
            "user_preferences": {"metadata": metadata, "user_preferences": [preference]},
            "message_template_status_update": {**template, "event": said},
            "message_template_quality_update": {**template, "message_template_name": said, "new_quality_score": said},
            "phone_number_name_update": {"display_phone_number": person, "decision": said},
            "account_alerts": {"entity_type": said, "entity_id": person, "alert_info": alert},
            "account_update": {"event": said, "violation_info": {"violation_type": said}, "country": said},
        }

    async def _left_waiting(self) -> None:
        """A delivery that is not taken stays in its table, with what it tells."""
        self.tenant.callbacks.answer = 500
        message_id = await self.tenant.send_template(await self.person("Борис"), self.say("waiting parameter"))
        await self.tenant.wait_state(message_id, "read")
        await eventually(lambda: self.tenant.callbacks.refused)
