"""A tenant's file is taken as a stream, kept sealed, given to Meta, and given back to its tenant alone."""

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import permutations
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies
import pytest
from prometheus_client import REGISTRY

from services.gateway.media.limits import MIME_TYPES
from services.gateway.media.service import Uploads
from tests.gateway.media.stack import BOUNDARY, JPEG, WHATSAPP, Part, Stack, field_part, file_part, form_of

MIB = 1024 * 1024
STATIC_STICKER = b"RIFF\0\0\0\0WEBPVP8 " + bytes(50)
ANIMATED_STICKER = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02" + bytes(50)
UNKNOWN = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"


@pytest.mark.parametrize("order", list(permutations((file_part(), WHATSAPP, field_part("type", "image/jpeg")))))
async def test_the_parts_may_come_in_any_order(stack: Stack, order: tuple[Part, ...]) -> None:
    answer = await stack.upload(*order)
    assert answer.status == 200, answer.body
    [given] = stack.meta.uploads.values()
    assert given.fields == {"messaging_product": "whatsapp", "type": "image/jpeg"}
    assert (given.mime, given.size, given.sha256) == ("image/jpeg", len(JPEG), hashlib.sha256(JPEG).hexdigest())
    assert int(given.headers["Content-Length"]) > len(JPEG)


async def test_the_fields_may_stand_in_the_query_as_at_meta(stack: Stack) -> None:
    answer = await stack.upload(file_part(), query="?messaging_product=whatsapp&type=image/jpeg&other=1")
    assert answer.status == 200, answer.body
    refused = await stack.upload(file_part(), query="?messaging_product=sms")
    assert refused.error["error_data"]["details"] == "messaging_product is not known: send whatsapp."


async def test_an_upload_is_described_in_metas_shape_and_downloaded_with_the_same_key(stack: Stack) -> None:
    media_id = await stack.uploaded()
    described = await stack.describe(media_id, query=f"?phone_number_id={stack.tenant.phone_number_id}")
    assert described.json() == {
        "messaging_product": "whatsapp",
        "url": f"https://api.example.org/media/{media_id}",
        "mime_type": "image/jpeg",
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "file_size": str(len(JPEG)),
        "id": media_id,
    }
    got = await stack.download(media_id)
    assert (got.status, got.body) == (200, JPEG)
    assert got.headers["Content-Type"] == "image/jpeg"
    assert got.headers["Content-Disposition"].startswith('attachment; filename="photo.jpg"')
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Length"] == str(len(JPEG))


async def test_nothing_of_a_file_stands_in_clear_on_the_disk_or_in_the_table(stack: Stack) -> None:
    content = b"Passport 4509 123456 of Anna" * 4_000
    await stack.upload(file_part(content, "application/pdf", "паспорт Анны.pdf"), WHATSAPP)
    [path] = stack.stored_files()
    stored = path.read_bytes()
    assert b"Passport" not in stored
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.directory.stat().st_mode) == 0o700
    row = str(await stack.rows("select * from media where bytes = :bytes", bytes=len(content)))
    [(meta_id, given)] = stack.meta.uploads.items()
    for secret in ("паспорт", given.sha256, f"'{meta_id}'"):
        assert secret not in row


async def test_a_name_of_any_script_comes_back_encoded(stack: Stack) -> None:
    answer = await stack.upload(file_part(JPEG, "image/jpeg", 'сад "1"\\..%2Fa.jpg'.replace('"', "%22")), WHATSAPP)
    got = await stack.download(answer.json()["id"])
    header = got.headers["Content-Disposition"]
    assert "filename*=UTF-8''%D1%81%D0%B0%D0%B4" in header
    assert header.isascii()
    assert header.count('"') == 2


@pytest.mark.parametrize(
    ("parts", "code", "words"),
    [
        ((file_part(),), 100, "messaging_product is required"),
        ((file_part(), field_part("messaging_product", "sms")), 100, "messaging_product is not known"),
        ((WHATSAPP,), 100, "file is required"),
        ((file_part(), file_part(), WHATSAPP), 100, "file is given twice"),
        ((file_part(JPEG, "text/html"), WHATSAPP), 100, "Received file of type 'text/html'"),
        ((file_part(JPEG, ""), WHATSAPP), 100, "Received file of type 'application/octet-stream'"),
        ((file_part(JPEG, "image"), WHATSAPP), 100, "MIME type such as"),
        ((file_part(b""), WHATSAPP), 131053, "the file is empty"),
        ((file_part(bytes(5 * MIB + 1)), WHATSAPP), 131053, "at most 5242880 bytes"),
        ((file_part(bytes(16 * MIB + 1), "video/mp4"), WHATSAPP), 131053, "at most 16777216 bytes"),
        ((file_part(STATIC_STICKER + bytes(100 * 1024), "image/webp"), WHATSAPP), 131053, "at most 102400 bytes"),
        ((file_part(ANIMATED_STICKER + bytes(500 * 1024), "image/webp"), WHATSAPP), 131053, "at most 512000 bytes"),
        ((file_part(), WHATSAPP, field_part("type", "x" * 2_000)), 100, "a field has at most"),
        (tuple(field_part(f"f{n}", "1") for n in range(30)), 100, "more than 16 parts"),
    ],
)
async def test_what_whatsapp_does_not_take_is_refused_in_its_words_and_leaves_nothing(
    stack: Stack, parts: tuple[Part, ...], code: int, words: str
) -> None:
    answer = await stack.upload(*parts)
    assert answer.status == 400
    assert answer.error["code"] == code
    assert words in answer.error["error_data"]["details"]
    assert stack.meta.uploads == {}
    assert stack.stored_files() == []
    assert await stack.rows("select 1 from media where tenant_id = :id", id=stack.tenant.id) == []


async def test_every_type_of_whatsapp_is_taken_and_the_field_names_it_where_the_part_does_not(stack: Stack) -> None:
    for mime in (*MIME_TYPES, "audio/ogg; codecs=opus"):
        content = ANIMATED_STICKER if mime == "image/webp" else b"content"
        for own in (mime, "", "application/octet-stream"):
            answer = await stack.upload(WHATSAPP, file_part(content, own), field_part("type", mime))
            assert answer.status == 200, (mime, answer.body)
            assert (await stack.describe(answer.json()["id"])).json()["mime_type"] == mime
            assert list(stack.meta.uploads.values())[-1].mime == mime


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        form_of(file_part(), WHATSAPP)[:-10],
        form_of(file_part(), WHATSAPP)[:-200],
        f"--{BOUNDARY}\r\n\r\nno headers\r\n--{BOUNDARY}--\r\n".encode(),
        b"--"
        + BOUNDARY.encode()
        + b"\r\n"
        + b"X-Long: "
        + b"a" * 9_000
        + b"\r\n\r\n1\r\n--"
        + BOUNDARY.encode()
        + b"--",
    ],
)
async def test_a_body_that_is_no_whole_form_is_refused_and_leaves_nothing(stack: Stack, body: bytes) -> None:
    answer = await stack.upload(body=body)
    assert (answer.status, answer.error["code"]) == (400, 100)
    assert stack.stored_files() == []


async def test_another_content_type_is_refused(stack: Stack) -> None:
    path = f"/v23.0/{stack.tenant.phone_number_id}/media"
    answer = await stack.gateway.ask("POST", path, key=stack.tenant.api_key, json={"messaging_product": "whatsapp"})
    assert answer.status == 400
    assert "multipart/form-data" in answer.error["error_data"]["details"]


async def test_metas_own_refusal_comes_through_and_leaves_nothing(stack: Stack) -> None:
    error = {"code": 131053, "message": "(#131053) Media upload error", "error_data": {"details": "Unsupported codec"}}
    stack.meta.refusal = (400, {"error": error})
    answer = await stack.upload(file_part(), WHATSAPP)
    assert answer.error["code"] == 131053
    assert answer.error["error_data"]["details"] == "Unsupported codec"
    assert stack.stored_files() == []
    assert await stack.rows("select 1 from media where tenant_id = :id", id=stack.tenant.id) == []


async def test_an_outage_of_metas_is_answered_with_try_again_and_leaves_nothing(stack: Stack) -> None:
    stack.meta.refusal = (502, {"not": "an error of Graph"})
    answer = await stack.upload(file_part(), WHATSAPP)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert stack.stored_files() == []


async def test_a_tenant_stores_no_more_than_its_quota(stack: Stack) -> None:
    pdf = bytes(28 * MIB)
    first = await stack.uploaded(pdf, "application/pdf")
    await stack.uploaded(pdf, "application/pdf")
    refused = await stack.upload(file_part(pdf, "application/pdf"), WHATSAPP)
    assert refused.error["code"] == 131053
    assert f"{56 * MIB} of {60 * MIB} bytes" in refused.error["error_data"]["details"]
    assert (await stack.delete(first)).json() == {"success": True}
    await stack.uploaded(pdf, "application/pdf")


async def test_uploads_at_the_same_time_do_not_pass_the_quota_together(stack: Stack) -> None:
    parts = (file_part(bytes(16 * MIB), "video/mp4"), WHATSAPP)
    answers = await asyncio.gather(*(stack.upload(*parts) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 400, 400]


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(stack: Stack) -> None:
    body = form_of(WHATSAPP, file_part(os.urandom(4 * MIB)))
    lines = [
        f"POST /v23.0/{stack.tenant.phone_number_id}/media HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {stack.tenant.api_key}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(body)}",
    ]
    _, writer = await asyncio.open_connection("127.0.0.1", int(stack.gateway.url.rpartition(":")[2]))
    writer.write("\r\n".join([*lines, "", ""]).encode() + body[: 3 * MIB])
    await writer.drain()
    async with asyncio.timeout(10):
        while not stack.stored_files():  # noqa: ASYNC110  # a directory rings no bell
            await asyncio.sleep(0.01)
        writer.close()
        while stack.stored_files():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await stack.rows("select 1 from media where tenant_id = :id", id=stack.tenant.id) == []


async def test_a_form_that_is_too_large_is_refused_before_it_is_read(stack: Stack) -> None:
    headers = {"Content-Length": str(102 * MIB), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    path = f"/v23.0/{stack.tenant.phone_number_id}/media"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(stack.gateway.url.rpartition(":")[2]))
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_the_larger_limit_is_for_uploads_alone(stack: Stack) -> None:
    for method, path in (("POST", f"/v23.0/{UNKNOWN}/medias"), ("PUT", f"/v23.0/{UNKNOWN}/media"), ("POST", "/media")):
        answer = await stack.gateway.ask(method, path, key=stack.tenant.api_key, data=bytes(300 * 1024))
        assert answer.status == 413, path


async def test_another_tenants_file_is_as_one_that_does_not_exist(stack: Stack) -> None:
    other = await stack.gateway.new_tenant()
    theirs = await stack.uploaded()
    for ask in (stack.describe, stack.download, stack.delete):
        refused, never = await ask(theirs, tenant=other), await ask(UNKNOWN, tenant=other)
        assert refused.status == never.status
        assert _without_trace(refused.json()) == _without_trace(never.json())
        odd = await ask("not-an-id", tenant=other)
        assert odd.status in (never.status, 404)
    path = f"/v23.0/{stack.tenant.phone_number_id}/media"
    assert (await stack.gateway.ask("POST", path, key=other.api_key, data=b"")).error["error_subcode"] == 33
    assert (await stack.download(theirs)).body == JPEG


async def test_without_a_key_there_is_no_file(stack: Stack) -> None:
    media_id = await stack.uploaded()
    assert (await stack.gateway.ask("GET", f"/media/{media_id}")).status == 401
    assert (await stack.gateway.ask("DELETE", f"/v23.0/{media_id}")).error["code"] == 190


async def test_a_file_belongs_to_its_number(stack: Stack) -> None:
    media_id = await stack.uploaded()
    described = await stack.describe(media_id, query="?phone_number_id=1")
    assert described.error["error_subcode"] == 33


async def test_a_deleted_file_is_gone_everywhere_and_its_row_says_so(stack: Stack) -> None:
    media_id = await stack.uploaded()
    assert (await stack.delete(media_id)).json() == {"success": True}
    assert stack.stored_files() == []
    assert await stack.state_of(media_id) == "deleted"
    for ask in (stack.describe, stack.download, stack.delete):
        again, never = await ask(media_id), await ask(UNKNOWN)
        assert (again.status, _without_trace(again.json())) == (never.status, _without_trace(never.json()))


async def test_a_file_that_was_cut_or_moved_is_not_given_out(stack: Stack) -> None:
    first, second = await stack.uploaded(), await stack.uploaded(JPEG[::-1])
    one, two = (next(path for path in stack.stored_files() if media_id in path.name) for media_id in (first, second))
    one.write_bytes(one.read_bytes()[:-1])
    assert (await stack.download(first)).status == 500
    one.write_bytes(two.read_bytes())
    with pytest.raises(aiohttp.ClientError):
        await stack.download(first)
    one.unlink()
    assert (await stack.download(first)).status == 404
    assert (await stack.download(second)).body == JPEG[::-1]


async def test_openings_of_files_are_counted(stack: Stack) -> None:
    before = {purpose: _openings(purpose) for purpose in ("upload", "download", "details")}
    media_id = await stack.uploaded()
    await stack.download(media_id)
    assert {purpose: _openings(purpose) - count for purpose, count in before.items()} == {
        "upload": 1,
        "download": 1,
        "details": 1,
    }


async def test_thirty_megabytes_pass_through_in_little_memory(stack: Stack) -> None:
    size = 30 * MIB
    piece = os.urandom(MIB)

    async def form() -> AsyncIterator[bytes]:
        head, tail = form_of(WHATSAPP, file_part(b"|", "application/pdf")).split(b"|")
        yield head
        for _ in range(size // MIB):
            yield piece
        yield tail

    await stack.uploaded()  # what is loaded once
    async with _growth() as grown:
        answer = await stack.upload(body=form())
        assert answer.status == 200, answer.body
        url = f"{stack.gateway.url}/media/{answer.json()['id']}"
        headers = {"Authorization": f"Bearer {stack.tenant.api_key}"}
        async with stack.gateway.http.get(url, headers=headers) as download:
            got = hashlib.sha256()
            async for read in download.content.iter_chunked(MIB):
                got.update(read)
    assert got.hexdigest() == list(stack.meta.uploads.values())[-1].sha256
    assert grown["bytes"] < 15 * MIB  # of gateway, client and Meta together, for they are one process here


async def test_no_more_than_eight_uploads_of_a_tenant_run_at_once(stack: Stack) -> None:
    waiting = asyncio.Event()

    async def form() -> AsyncIterator[bytes]:
        yield form_of(file_part(), WHATSAPP)[:100]
        await waiting.wait()
        yield form_of(file_part(), WHATSAPP)[100:]

    slow = [asyncio.create_task(stack.upload(body=form())) for _ in range(8)]
    await asyncio.sleep(0.5)
    refused = await stack.upload(file_part(), WHATSAPP)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "2")
    waiting.set()
    assert [answer.status for answer in await asyncio.gather(*slow)] == [200] * 8


async def test_a_form_that_drips_gives_its_place_back(stack: Stack) -> None:
    uploads: Uploads = stack.gateway.app.state.uploads
    uploads._receive_seconds = 0.3

    async def form() -> AsyncIterator[bytes]:
        for byte in form_of(file_part(), WHATSAPP)[:100]:
            yield bytes([byte])
            await asyncio.sleep(0.05)

    answers = await asyncio.gather(*(stack.upload(body=form()) for _ in range(8)))
    assert {(answer.status, answer.error["code"]) for answer in answers} == {(400, 131053)}
    assert stack.stored_files() == []
    uploads._receive_seconds = 30.0
    await stack.uploaded()


async def test_a_suspended_number_takes_no_files(stack: Stack) -> None:
    await stack.rows(
        "update numbers set state = 'suspended' where phone_number_id = :id", id=stack.tenant.phone_number_id
    )
    answer = await stack.upload(file_part(), WHATSAPP)
    assert answer.error["code"] == 131031


async def test_a_suspended_tenant_gives_meta_no_files(stack: Stack) -> None:
    await stack.rows("update tenants set state = 'suspended' where id = :id", id=stack.tenant.id)
    answer = await stack.upload(file_part(), WHATSAPP)
    assert (answer.status, answer.error["code"]) == (403, 131031)


def _openings(purpose: str) -> float:
    return REGISTRY.get_sample_value("media_openings_total", {"purpose": purpose, "outcome": "opened"}) or 0.0


def _without_trace(body: dict[str, Any]) -> dict[str, Any]:
    body.get("error", {}).pop("fbtrace_id", None)
    return body


@asynccontextmanager
async def _growth() -> AsyncIterator[dict[str, int]]:
    """How far this process's memory grew at most during the block."""
    process, grown, stop = psutil.Process(), {"bytes": 0}, asyncio.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not stop.is_set():
            grown["bytes"] = max(grown["bytes"], process.memory_info().rss - before)
            time.sleep(0.005)

    watching = asyncio.create_task(asyncio.to_thread(watch))
    try:
        yield grown
    finally:
        stop.set()
        await watching
