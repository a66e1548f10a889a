"""What is asked of Meta, as whom, and what is made of every way in which it can answer or not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web

from services.gateway.graph.refusals import refusal_of
from services.gateway.tenants.service import Number
from services.gateway.upstream.service import ANSWER_BYTES_MAX, FileGone, Upstream, UpstreamAnswer
from services.kernel.errors import TooLarge, Unavailable
from tests.gateway.upstream.meta import Meta, Say, running

NOBODY = "http://127.0.0.1:1"


def number(mode: Literal["live", "test"] = "live") -> Number:
    return Number(
        tenant_id=uuid4(),
        phone_number_id="106540352242922",
        waba_id="100200300400",
        state="active",
        messages_per_second=80,
        display_phone_number="+74950000001",
        access_token="EAAtoken",
        mode=mode,
    )


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    async with running() as meta:
        yield meta


@pytest.fixture
async def upstream(meta: Meta) -> AsyncIterator[Upstream]:
    upstream = Upstream(meta.url + "/", NOBODY)
    yield upstream
    await upstream.close()


async def read(upstream: Upstream, url: str, **more: int) -> bytes:
    async with upstream.download(number(), url, **more) as download:
        return b"".join([piece async for piece in download.pieces])


async def test_a_request_goes_out_with_the_numbers_own_token_and_version(meta: Meta, upstream: Upstream) -> None:
    meta.answers({"id": "1"})
    answer = await upstream.request(number(), "GET", "/106540352242922", params={"fields": "id,status"})
    assert answer == UpstreamAnswer(200, {"id": "1"})
    assert answer.ok
    (asked,) = meta.asked
    assert (asked.method, asked.path) == ("GET", "/v23.0/106540352242922")
    assert (asked.query, asked.authorization) == ({"fields": "id,status"}, "Bearer EAAtoken")


async def test_a_form_and_json_arrive_as_they_are_given(meta: Meta, upstream: Upstream) -> None:
    meta.answers({"success": True})
    form = aiohttp.FormData({"messaging_product": "whatsapp"})
    form.add_field("file", b"bytes", filename="a.png", content_type="image/png")
    await upstream.request(number(), "POST", "/1/media", data=form)
    await upstream.request(number(), "POST", "/1/whatsapp_business_profile", json={"about": "Привет"})
    assert b'filename="a.png"' in meta.asked[0].body
    assert b"\\u041f" in meta.asked[1].body


async def test_a_number_in_test_mode_speaks_to_the_sandbox_and_never_to_meta(meta: Meta) -> None:
    meta.answers({})
    async with running() as sandbox:
        sandbox.answers({"id": "1"})
        upstream = Upstream(meta.url, sandbox.url)
        await upstream.request(number("test"), "GET", "/1")
        assert (upstream.base_url(number("test")), upstream.base_url(number())) == (sandbox.url, meta.url)
        with pytest.raises(Unavailable, match="not Meta's"):
            async with upstream.download(number("test"), meta.url + "/file"):
                pass
        await upstream.close()
    assert (len(sandbox.asked), len(meta.asked)) == (1, 0)


async def test_metas_refusal_is_an_answer(meta: Meta, upstream: Upstream) -> None:
    data = {"messaging_product": "whatsapp", "details": "Picture is too small"}
    meta.answers({"error": {"message": "(#131053) Media upload error", "code": 131053, "error_data": data}}, 400)
    answer = await upstream.request(number(), "POST", "/1/media")
    assert not answer.ok
    assert (answer.status, answer.code, answer.title) == (400, 131053, "Media upload error")
    refusal = refusal_of(answer)
    assert (refusal.graph_code, refusal.title, refusal.message) == (
        131053,
        "Media upload error",
        "Picture is too small",
    )


@pytest.mark.parametrize(
    ("code", "status", "ours"),
    [
        (190, 401, (503, 2)),
        (0, 401, (503, 2)),
        (200, 403, (503, 2)),
        (80007, 400, (429, 130429)),
        (None, 429, (429, 130429)),
        (2, 500, (503, 2)),
        (131000, 500, (503, 2)),
        (None, 400, (503, 2)),
        (100, 400, (400, 100)),
        (131053, 400, (400, 131053)),
    ],
)
def test_a_refusal_says_to_the_tenant_what_the_tenant_can_mend(
    code: int | None, status: int, ours: tuple[int, int]
) -> None:
    error = {"message": "(#1) Our token is EAAtoken", **({} if code is None else {"code": code})}
    refusal = refusal_of(UpstreamAnswer(status, {"error": error}))
    assert (refusal.status, refusal.graph_code) == ours
    assert (refusal.status == 400) or "EAAtoken" not in str(refusal.envelope("x"))


async def _html(request: web.Request) -> web.Response:
    return web.Response(text="<html>Bad Gateway</html>", status=502, content_type="text/html")


async def _list(request: web.Request) -> web.Response:
    return web.json_response([1])


async def _huge(request: web.Request) -> web.Response:
    return web.Response(body=b'{"a":"' + b"x" * ANSWER_BYTES_MAX + b'"}', content_type="application/json")


async def _reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _late(request: web.Request) -> web.Response:
    await asyncio.sleep(5)
    return web.json_response({})


async def _elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound("/v23.0/elsewhere")


@pytest.mark.parametrize("say", [_html, _list, _huge, _reset, _late, _elsewhere])
async def test_what_is_no_graph_json_is_an_outage(meta: Meta, upstream: Upstream, say: Say) -> None:
    meta.say = say
    with pytest.raises(Unavailable):
        await upstream.request(number(), "POST", "/1", timeout_seconds=0.5)
    assert len(meta.asked) == 1, "no redirect is followed and nothing is asked twice"


async def test_a_meta_that_is_not_there_is_an_outage() -> None:
    upstream = Upstream(NOBODY, NOBODY)
    with pytest.raises(Unavailable):
        await upstream.request(number(), "GET", "/1")
    await upstream.close()


async def test_a_file_comes_in_pieces_with_its_type(meta: Meta, upstream: Upstream) -> None:
    content = bytes(range(256)) * 1_000

    async def say(request: web.Request) -> web.Response:
        return web.Response(body=content, content_type="image/jpeg")

    meta.say = say
    async with upstream.download(number(), meta.url + "/file?mid=1") as download:
        assert (download.mime, download.length) == ("image/jpeg", len(content))
        pieces = [piece async for piece in download.pieces]
    assert b"".join(pieces) == content
    assert len(pieces) > 1
    assert meta.asked[0].authorization == "Bearer EAAtoken"


async def test_a_file_that_is_too_large_ends_with_or_without_its_length(meta: Meta, upstream: Upstream) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 1_000)
        return response

    async def honest(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 2_000)

    for say in (endless, honest):
        meta.say = say
        with pytest.raises(TooLarge):
            await read(upstream, meta.url + "/file", bytes_max=1_999)


async def test_a_file_whose_url_is_too_old_is_gone(meta: Meta, upstream: Upstream) -> None:
    meta.answers({}, 404)
    with pytest.raises(FileGone):
        await read(upstream, meta.url + "/file")


@pytest.mark.parametrize("say", [_html, _reset, _elsewhere])
async def test_a_file_that_cannot_be_had_now_is_an_outage(meta: Meta, upstream: Upstream, say: Say) -> None:
    meta.say = say
    with pytest.raises(Unavailable):
        await read(upstream, meta.url + "/file")
    assert {asked.path for asked in meta.asked} == {"/file"}


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com:8443/file",
        "https://fbsbx.com.evil.example/file",
        "https://evilfbsbx.com/file",
        "https://lookaside.fbsbx.com@evil.example/file",
        "https://user@lookaside.fbsbx.com/file",
        "https://127.0.0.1/file",
        "https://[::1]/file",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/file",
        "https://",
        "",
        "nonsense",
        "http://127.0.0.1:notaport/",
    ],
)
async def test_a_token_goes_to_meta_and_to_the_upstream_itself_and_nowhere_else(url: str) -> None:
    upstream = Upstream("http://127.0.0.1:1", NOBODY)
    with pytest.raises(Unavailable, match="not Meta's"):
        await read(upstream, url)
    await upstream.close()


@pytest.mark.parametrize("url", ["https://lookaside.fbsbx.com/file?mid=1", "https://mmg.whatsapp.net/file"])
async def test_metas_own_media_hosts_are_places_to_go(url: str) -> None:
    upstream = Upstream(NOBODY, NOBODY)
    assert str(upstream._safe(number(), url)) == url
    await upstream.close()
