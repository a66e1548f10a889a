"""What people send is fetched by the worker, sealed on its way, and described as soon as it is there."""

import asyncio
import hashlib
import os
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.gateway.media import fetching, repository
from services.gateway.media.repository import Claim
from services.kernel import clock
from tests.gateway.media.stack import JPEG, TENANT_BYTES_MAX, Stack

MIB = 1024 * 1024


async def test_a_photo_is_fetched_once_and_given_to_its_tenant(stack: Stack) -> None:
    photo = stack.sent_by_a_person(caption="Мой паспорт")
    async with stack.fetching():
        media_id = await stack.arrives({"image": photo}, repeat=2)
        await stack.until_state(media_id, "ready")
    assert stack.meta.downloads == [photo["id"]]
    described = (await stack.describe(media_id, query=f"?phone_number_id={stack.tenant.phone_number_id}")).json()
    assert described == {
        "messaging_product": "whatsapp",
        "url": f"https://api.example.org/media/{media_id}",
        "mime_type": "image/jpeg",
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "file_size": str(len(JPEG)),
        "id": str(media_id),
    }
    got = await stack.download(media_id)
    assert (got.body, got.headers["Content-Type"]) == (JPEG, "image/jpeg")
    assert f'filename="{media_id}.jpg"' in got.headers["Content-Disposition"]


async def test_it_is_sealed_on_the_disk_and_in_the_table(stack: Stack) -> None:
    text = b"Passport 4509 123456" * 5_000
    document = stack.sent_by_a_person(text, filename="паспорт.pdf")
    async with stack.fetching():
        media_id = await stack.arrives({"document": document}, kind="document")
        await stack.until_state(media_id, "ready")
    [path] = stack.stored_files()
    assert b"Passport" not in path.read_bytes()
    row = str(await stack.rows("select * from media where id = :id", id=media_id))
    for secret in ("паспорт", document["id"], document["sha256"], hashlib.sha256(text).hexdigest()):
        assert secret not in row
    assert "%D0%BF%D0%B0%D1%81" in (await stack.download(media_id)).headers["Content-Disposition"]


async def test_an_url_that_is_gone_is_asked_for_again(stack: Stack) -> None:
    stack.meta.gone_urls = 1
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()})
        await stack.until_state(media_id, "ready")
    assert (len(stack.meta.asked), len(stack.meta.downloads)) == (2, 2)
    assert (await stack.rows("select attempt from media where id = :id", id=media_id))[0].attempt == 1


@pytest.mark.parametrize("spoilt", ["cut", "changed", "gone_urls"])
async def test_a_file_that_comes_damaged_is_fetched_again(stack: Stack, spoilt: str) -> None:
    setattr(stack.meta, spoilt, 3)
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()})
        await stack.until_state(media_id, "ready")
    assert (await stack.download(media_id)).body == JPEG
    assert len(stack.stored_files()) == 1


async def test_a_length_that_is_not_what_meta_said_is_not_believed(stack: Stack) -> None:
    stack.meta.said_size = len(JPEG) + 1
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()})
        async with asyncio.timeout(10):
            while len(stack.meta.downloads) < 2:  # noqa: ASYNC110  # a server rings no bell
                await asyncio.sleep(0.02)
        assert await stack.state_of(media_id) == "pending"
        stack.meta.said_size = None
        await stack.until_state(media_id, "ready")


@pytest.mark.parametrize("how", ["said", "endless", "refused", "webhook"])
async def test_a_file_that_is_too_large_fails_with_metas_code(stack: Stack, how: str) -> None:
    message: dict[str, object] = {"image": stack.sent_by_a_person()}
    if how == "said":
        stack.meta.said_size = 100 * MIB + 1
    elif how == "endless":
        stack.meta.endless, stack.meta.said_size = True, 0
    elif how == "refused":
        stack.meta.refusal = (400, {"error": {"code": 131052, "message": "(#131052) Media download error"}})
    else:
        message = {"errors": [{"code": 131052, "title": "Media download error"}]}
    async with stack.fetching():
        media_id = await stack.arrives(message)
        await stack.until_state(media_id, "failed")
    assert stack.stored_files() == []
    described = await stack.describe(media_id)
    assert (described.status, described.error["code"]) == (400, 131052)
    assert (await stack.download(media_id)).status == 400


async def test_asking_while_it_is_pending_waits_for_it(stack: Stack) -> None:
    media_id = await stack.arrives({"image": stack.sent_by_a_person()})
    asking = asyncio.create_task(stack.describe(media_id))
    await asyncio.sleep(0.3)
    async with stack.fetching():
        assert (await asking).status == 200


async def test_asking_for_what_meta_does_not_give_out_now_is_answered_with_try_again(stack: Stack) -> None:
    stack.meta.refusal = (500, {"error": {"code": 2, "message": "(#2) down"}})
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()})
        described, download = await asyncio.gather(stack.describe(media_id), stack.download(media_id))
        assert (described.status, described.headers["Retry-After"]) == (503, "5")
        assert "still being fetched" in described.error["error_data"]["details"]
        assert (download.status, download.headers["Retry-After"]) == (503, "5")
        stack.meta.refusal = None
        await stack.until_state(media_id, "ready")


async def test_what_meta_no_longer_has_expires(stack: Stack) -> None:
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()}, at=clock.now() - timedelta(days=7, hours=1))
        await stack.until_state(media_id, "expired")
    assert stack.meta.asked == []
    assert (await stack.describe(media_id)).error["error_subcode"] == 33


async def test_two_workers_fetch_each_file_once(stack: Stack) -> None:
    photos = [stack.sent_by_a_person(JPEG + bytes([number])) for number in range(30)]
    async with stack.fetching(workers=2):
        ids = [await stack.arrives({"image": photo}) for photo in photos]
        for media_id in ids:
            await stack.until_state(media_id, "ready")
    assert sorted(stack.meta.downloads) == sorted(photo["id"] for photo in photos)
    assert len(stack.stored_files()) == 30


async def test_a_worker_that_died_loses_its_file_to_another(stack: Stack) -> None:
    media_id = await stack.arrives({"image": stack.sent_by_a_person()})
    lease = "update media set attempt = 1, lease_until = now(), due_at = now() where id = :id"
    await stack.rows(lease, id=media_id)
    async with stack.fetching():
        await stack.until_state(media_id, "ready")


async def test_a_tenant_takes_no_more_than_its_share_of_the_fetches(stack: Stack) -> None:
    stack.meta.slow_seconds = 0.3
    async with stack.fetching():
        ids = [await stack.arrives({"image": stack.sent_by_a_person()}) for _ in range(6)]
        await asyncio.sleep(0.25)
        assert len(stack.meta.downloads) == fetching.FETCHES_PER_TENANT_MAX
        for media_id in ids:
            await stack.until_state(media_id, "ready")


async def test_the_file_of_an_edit_is_fetched_and_an_edit_without_one_leaves_nothing(stack: Stack) -> None:
    photo = {"type": "image", "image": stack.sent_by_a_person(), "context": {"from": "7"}}
    async with stack.fetching():
        with_file = await stack.arrives({"edit": {"original_message_id": "wamid.1", "message": photo}}, kind="edit")
        words = {"type": "text", "text": {"body": "нет"}}
        without = await stack.arrives({"edit": {"original_message_id": "wamid.1", "message": words}}, kind="edit")
        await stack.until_state(with_file, "ready")
        await stack.until_state(without, None)
    assert (await stack.download(with_file)).body == JPEG


async def test_a_text_needs_no_file(stack: Stack) -> None:
    media_id = await stack.arrives({"text": {"body": "Здравствуйте"}}, kind="text")
    assert await stack.state_of(media_id) is None


async def test_an_id_that_is_no_id_never_becomes_a_path(stack: Stack) -> None:
    async with stack.fetching():
        media_id = await stack.arrives({"image": {"id": "../../me/messages"}})
        await stack.until_state(media_id, "failed")
    assert stack.meta.asked == []


async def test_a_file_deleted_while_it_is_fetched_does_not_come_back(stack: Stack) -> None:
    stack.meta.slow_seconds = 0.5
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person()})
        async with asyncio.timeout(10):
            while not stack.meta.downloads:  # noqa: ASYNC110  # a server rings no bell
                await asyncio.sleep(0.02)
        assert (await stack.delete(media_id)).json() == {"success": True}
        await asyncio.sleep(1.0)
    assert await stack.state_of(media_id) == "deleted"
    assert stack.stored_files() == []
    assert stack.meta.deleted == []  # it is the person's, not ours


async def test_a_tenant_that_stores_too_much_gets_its_files_later(stack: Stack) -> None:
    full = stack.sent_by_a_person(bytes(TENANT_BYTES_MAX))
    async with stack.fetching():
        first = await stack.arrives({"document": full}, kind="document")
        await stack.until_state(first, "ready")
        second = await stack.arrives({"image": stack.sent_by_a_person()})
        await asyncio.sleep(0.5)
        assert await stack.state_of(second) == "pending"
        await stack.delete(first)
        await stack.until_state(second, "ready")


async def test_openings_of_messages_for_their_files_are_counted(stack: Stack) -> None:
    before = _openings()
    async with stack.fetching():
        media_id = await stack.arrives({"image": stack.sent_by_a_person(os.urandom(2_000))})
        await stack.until_state(media_id, "ready")
    assert _openings() == before + 1


def _openings() -> float:
    return REGISTRY.get_sample_value("media_openings_total", {"purpose": "fetch", "outcome": "opened"}) or 0.0


@pytest.mark.parametrize("spoilt", ["nothing", "changed"])
async def test_an_attempt_that_lost_its_lease_takes_nothing_from_the_one_that_won(stack: Stack, spoilt: str) -> None:
    fetcher = stack.fetcher(tenant_bytes_max=len(JPEG) * 3 // 2)  # room for the winner's, not for another
    media_id = await stack.arrives({"image": stack.sent_by_a_person()})
    slow = await _claimed(stack)
    await stack.rows("update media set due_at = now() where id = :id", id=media_id)
    assert await fetcher._try(await _claimed(stack)) == "ready"
    if spoilt == "changed":
        stack.meta.changed = 1
    await fetcher._try(slow)
    assert await stack.state_of(media_id) == "ready"
    assert (await stack.download(media_id)).body == JPEG
    assert len(stack.stored_files()) == 1


async def test_what_meta_writes_into_an_errors_code_ends_no_worker(stack: Stack) -> None:
    async with stack.fetching():
        strange = await stack.arrives({"errors": [{"code": [131052]}, {"code": {"a": 1}}]})
        await stack.until_state(strange, None)
        photo = await stack.arrives({"image": stack.sent_by_a_person()})
        await stack.until_state(photo, "ready")


async def _claimed(stack: Stack) -> Claim:
    async with stack.database.transaction() as connection:
        claims = await repository.claim(connection, closed=[], slots=100, per_tenant=1, lease_seconds=300.0)
    [mine] = [claim for claim in claims if claim.tenant_id == stack.tenant.id]
    return mine
