"""A tenant that has one of everything, so that the ids of the document's examples can be replaced by real ones."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.e2e.harness.sandbox import Sandbox
from tests.e2e.harness.staff import Staff
from tests.e2e.harness.tenants import GRAPH_VERSION, Tenant
from tests.e2e.harness.waiting import eventually
from tools.vestnik.openapi import samples

FILE = b"Thank you for your order."


@dataclass
class Shop:
    """`words` are what stands in the examples and what stands for it here."""

    tenant: Tenant
    words: dict[str, str] = field(default_factory=dict)

    def real(self, value: Any) -> Any:
        """The same with the real ids."""
        text = json.dumps(value, ensure_ascii=False)
        for sample, word in self.words.items():
            text = text.replace(sample, word)
        return json.loads(text)

    @asynccontextmanager
    async def fresh(self, path: str) -> AsyncIterator[None]:
        """With an endpoint or a key of its own for an operation that changes one."""
        if "{endpoint_id}" in path:
            made = await self.call("POST", "/v1/callbacks", {"url": self.tenant.callbacks.url})
            self.words[samples.ENDPOINT_ID] = made["id"]
            yield
            await self.tenant.call("DELETE", f"/v1/callbacks/{made['id']}")
        elif "{key_id}" in path:
            made = await self.call("POST", "/v1/api-keys", {"name": "one more"})
            self.words[samples.KEY_ID] = made["id"]
            yield
            await self.tenant.call("DELETE", f"/v1/api-keys/{made['id']}")
        elif path.startswith(("/media/", "/{version}/{id}")):
            self.words[samples.MEDIA_ID] = await self.upload()
            yield
        else:
            yield

    async def upload(self) -> str:
        form = form_of(FILE)
        url = f"{self.tenant.gateway}/{GRAPH_VERSION}/{self.tenant.phone_number_id}/media"
        headers = {"Authorization": f"Bearer {self.tenant.api_key}"}
        async with self.tenant.http.post(url, data=form, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["id"])

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.tenant.call(method, path, body)
        assert answer.status in (200, 201), f"{answer.status}: {answer.body}"
        return answer.body


def form_of(content: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", content, filename="thanks.txt", content_type="text/plain")
    return form


async def open_shop(staff: Staff, sandbox: Sandbox) -> Shop:
    """A tenant with a consented person who has written, a message that was told, and a file."""
    tenant = await staff.open_tenant()
    person = await tenant.new_person()
    message_id = await tenant.send_template(person)
    await tenant.wait_events(message_id)
    await sandbox.write(person, "Добрый день", tenant.phone_number_id)
    await eventually(lambda: tenant.callbacks.messages("Добрый день"))
    (inbound,) = tenant.callbacks.messages("Добрый день")
    shop = Shop(tenant)
    templates = await shop.call("GET", f"/{GRAPH_VERSION}/{tenant.waba_id}/message_templates")
    shop.words = {
        samples.PHONE_NUMBER_ID: tenant.phone_number_id,
        samples.WABA_ID: tenant.waba_id,
        samples.PERSON: person,
        samples.MESSAGE_ID: message_id,
        samples.INBOUND_ID: inbound.value["messages"][0]["id"],
        samples.TEMPLATE_ID: templates["data"][0]["id"],
        samples.CALLBACK_URL: tenant.callbacks.url,
        samples.MEDIA_ID: await shop.upload(),
    }
    return shop
