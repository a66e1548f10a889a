"""Files travel both ways under our ids, and so do the messages that they answer."""

import hashlib
from typing import Any

import aiohttp

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant, new_person
from tests.e2e.harness.waiting import eventually


async def test_a_photo_is_fetched_told_downloaded_and_sent_back_quoting_its_message(
    world: World, tenant: Tenant
) -> None:
    person = new_person()
    await _write(world, person, type="image", text="Где мой заказ?", phone_number_id=tenant.phone_number_id)
    [photo] = await eventually(lambda: _told(tenant, "image"))
    assert "wamid" not in str(photo)
    described = (await tenant.call("GET", f"/v23.0/{photo['image']['id']}")).body
    assert described["url"] == photo["image"]["url"]
    file = await _download(tenant, described["url"])
    assert file.startswith(b"\x89PNG")
    assert described["sha256"] == hashlib.sha256(file).hexdigest()
    assert described["file_size"] == str(len(file))

    sent = await tenant.post(
        {
            "messaging_product": "whatsapp",
            "to": person,
            "type": "image",
            "image": {"id": photo["image"]["id"], "caption": "Этот?"},
            "context": {"message_id": photo["id"]},
        }
    )
    await tenant.wait_events(sent.message_id, frozenset({"sent", "called_back"}))
    [call] = await world.sandbox.sends(sent.message_id)

    await _write(world, person, text="Да", reply_to=call["wamid"], phone_number_id=tenant.phone_number_id)
    [answer] = await eventually(lambda: _told(tenant, "text"))
    assert answer["context"]["id"] == sent.message_id
    await _write(world, person, type="reaction", reaction={"message_id": call["wamid"], "emoji": "👍"})
    [reaction] = await eventually(lambda: _told(tenant, "reaction"))
    assert reaction["reaction"] == {"message_id": sent.message_id, "emoji": "👍"}
    assert all(b"wamid." not in body for body in tenant.callbacks.bodies)


async def test_an_upload_is_sent_by_its_id_and_deleted(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    await world.sandbox.write(person, "Пришлите счёт", tenant.phone_number_id)
    await eventually(lambda: _told(tenant, "text"))
    form = aiohttp.FormData()
    form.add_field("file", b"%PDF-1.4 invoice", filename="счёт.pdf", content_type="application/pdf")
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", "application/pdf")
    url = f"{tenant.gateway}/v23.0/{tenant.phone_number_id}/media"
    async with tenant.http.post(url, data=form, headers={"Authorization": f"Bearer {tenant.api_key}"}) as answer:
        assert answer.status == 200, await answer.text()
        media_id = (await answer.json())["id"]
    body = {"messaging_product": "whatsapp", "to": person, "type": "document", "document": {"id": media_id}}
    sent = await tenant.post(body)
    await tenant.wait_events(sent.message_id, frozenset({"sent"}))
    assert (await tenant.call("DELETE", f"/v23.0/{media_id}")).body == {"success": True}
    assert (await tenant.call("GET", f"/v23.0/{media_id}")).status == 400


def _told(tenant: Tenant, kind: str) -> list[dict[str, Any]]:
    found = [received.value["messages"][0] for received in tenant.callbacks.messages()]
    of_kind = [message for message in found if message["type"] == kind]
    assert of_kind, f"no {kind} was told yet"
    return of_kind


async def _write(world: World, person: str, **what: Any) -> None:
    url = f"{world.sandbox.url}/_sandbox/people/{person.lstrip('+')}/messages"
    async with world.http.post(url, json=what) as answer:
        assert answer.ok, await answer.text()


async def _download(tenant: Tenant, url: str) -> bytes:
    async with tenant.http.get(url, headers={"Authorization": f"Bearer {tenant.api_key}"}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()
