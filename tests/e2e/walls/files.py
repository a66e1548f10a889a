"""How another tenant's key is tried on the routes of media."""

import aiohttp

from services.kernel.identifiers import uuid7
from tests.e2e.walls.asking import Answer, ask
from tests.e2e.walls.trials import Stand

JPEG = b"\xff\xd8\xff\xe0" + bytes(2_000)


async def uploading(stand: Stand) -> None:
    """To the owner's number."""
    theirs, none = stand.owner.phone_number_id, "1" * 15
    refused, never = await _upload(stand, theirs, stand.token), await _upload(stand, none, stand.token)
    assert refused.status == 400
    assert refused.about(theirs) == never.about(none)


async def downloading(stand: Stand) -> None:
    theirs, none = await _owners_file(stand), str(uuid7())
    refused, never = await stand.ask("GET", f"/media/{theirs}"), await stand.ask("GET", f"/media/{none}")
    assert refused.status == 404
    assert refused.about(theirs) == never.about(none)


async def deleting(stand: Stand) -> None:
    theirs, none = await _owners_file(stand), str(uuid7())
    refused, never = await stand.ask("DELETE", f"/v23.0/{theirs}"), await stand.ask("DELETE", f"/v23.0/{none}")
    assert refused.status == 400
    assert refused.about(theirs) == never.about(none)
    path = f"{stand.owner.gateway}/v23.0/{theirs}"
    still = await ask(stand.owner.http, "GET", path, token=stand.owner.api_key)
    assert still.body["file_size"] == str(len(JPEG))


async def _owners_file(stand: Stand) -> str:
    answer = await _upload(stand, stand.owner.phone_number_id, stand.owner.api_key)
    assert answer.status == 200, answer.body
    return str(answer.body["id"])


async def _upload(stand: Stand, phone_number_id: str, token: str) -> Answer:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "image/jpeg"})
    form.add_field("file", JPEG, filename="sad.jpg", content_type="image/jpeg")
    url = f"{stand.owner.gateway}/v23.0/{phone_number_id}/media"
    return await ask(stand.owner.http, "POST", url, token=token, data=form)
