"""Our ids of uploads become Meta's in what is sealed, wherever a message takes a file."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.kernel import crypto
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.kafka.record import decode
from tests.gateway.stand import PERSON, WABA_ID, AnotherGateway, Gateway, Tenant, Topic, template
from tests.gateway.upstream import meta as upstream
from tests.gateway.upstream.meta import Meta

NOWHERE = "http://127.0.0.1:1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
META_ID = "1166846181421424"


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    async with upstream.running() as meta:
        meta.answers({"id": META_ID})
        yield meta


@pytest.fixture
async def process(another_gateway: AnotherGateway, meta: Meta) -> AsyncIterator[Gateway]:
    urls = dict.fromkeys(("consent", "billing", "sandbox", "public"), NOWHERE) | {"graph": meta.url}
    async with another_gateway(urls=urls) as process:
        yield process


async def upload(process: Gateway, tenant: Tenant) -> str:
    form = aiohttp.FormData()
    form.add_field("file", PNG, filename="a.png", content_type="image/png")
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", "image/png")
    path = f"/v23.0/{tenant.phone_number_id}/media"
    answer = await process.ask("POST", path, key=tenant.api_key, data=form)
    assert answer.status == 200, answer.body
    return str(answer.json()["id"])


def message(kind: str, content: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": PERSON, "type": kind, kind: content}


def buttons(header: Any) -> dict[str, Any]:
    action = {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "Да"}}]}
    return message("interactive", {"type": "button", "header": header, "body": {"text": "x"}, "action": action})


async def sealed(process: Gateway, topic: Topic, tenant: Tenant) -> list[Any]:
    found = {}
    for record in await topic.read():
        event = decode(record.headers, record.value)
        if isinstance(event, MessageAccepted) and event.tenant_id == tenant.id:
            key = await process.app.state.keyring.opening_key(tenant.id, "messages", crypto.sealed_key_id(event.body))
            place = crypto.Place(tenant.id, "messages", "body", str(event.message_id))
            found[event.message_id] = json.loads(crypto.open_sealed(key, place, event.body))
    return [found[message_id] for message_id in sorted(found)]  # lanes have partitions of their own


async def test_an_upload_goes_out_under_metas_id(process: Gateway, tenant: Tenant, messages: Topic) -> None:
    ours = await upload(process, tenant)
    registered = {"waba_id": WABA_ID, "name": "with_picture", "language": "ru", "category": "MARKETING"}
    components = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "x"}]
    path = f"/internal/tenants/{tenant.id}/templates"
    assert (await process.staff(path, registered | {"components": components})).status == 201
    header = {"type": "header", "parameters": [{"type": "image", "image": {"id": ours}}]}
    for request in (
        message("image", {"id": ours, "caption": ours}),
        buttons({"type": "image", "image": {"id": ours}}),
        template(name="with_picture", components=[header]),
    ):
        answer = await process.send(tenant, request)
        assert answer.status == 200, answer.body
    image, with_header, with_template = await sealed(process, messages, tenant)
    assert image["image"] == {"id": META_ID, "caption": ours}
    assert with_header["interactive"]["header"] == {"type": "image", "image": {"id": META_ID}}
    assert with_template["template"]["components"][0]["parameters"][0]["image"] == {"id": META_ID}


async def test_an_upload_of_another_tenant_does_not_exist(
    process: Gateway, tenant: Tenant, other_tenant: Tenant
) -> None:
    theirs = await upload(process, other_tenant)
    answer = await process.send(tenant, buttons({"type": "image", "image": {"id": theirs}}))
    assert (answer.status, answer.error["code"]) == (400, 131009)
    assert answer.error["error_data"]["details"].startswith("interactive.header.image.id: there is no such upload")
