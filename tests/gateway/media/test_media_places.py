"""One tenant's downloads and its waiting for files leave room for others."""

import asyncio
from contextlib import ExitStack

import pytest

from services.gateway.media.errors import TooManyDownloads
from services.gateway.media.places import DOWNLOADS_PER_TENANT_MAX, WAITERS_PER_TENANT_MAX, Places
from services.gateway.media.service import Shelf
from tests.gateway.media.stack import Stack

MIB = 1024 * 1024


async def test_only_a_few_wait_for_a_file_and_the_next_is_told_to_come_again(stack: Stack) -> None:
    media_id = await stack.arrives({"image": stack.sent_by_a_person()})
    waiting = [asyncio.create_task(stack.describe(media_id)) for _ in range(WAITERS_PER_TENANT_MAX + 1)]
    [refused], still = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert (refused.result().status, refused.result().headers["Retry-After"]) == (503, "5")
    async with stack.fetching():
        assert {answer.status for answer in await asyncio.gather(*still)} == {200}


async def test_one_download_too_many_is_refused_until_another_has_ended(stack: Stack) -> None:
    media_id = await stack.uploaded()
    shelf: Shelf = stack.gateway.app.state.media
    other = await stack.gateway.new_tenant()
    theirs = await stack.uploaded(tenant=other)
    with ExitStack() as held:
        for _ in range(DOWNLOADS_PER_TENANT_MAX):
            held.enter_context(shelf.download_place(stack.tenant.id))
        refused = await stack.download(media_id)
        assert (refused.status, refused.headers["Content-Type"]) == (429, "application/problem+json")
        assert (refused.json()["title"], refused.headers["Retry-After"]) == ("too_many_downloads", "2")
        assert (await stack.download(theirs, tenant=other)).status == 200
    for _ in range(DOWNLOADS_PER_TENANT_MAX + 1):
        assert (await stack.download(media_id)).status == 200


async def test_whoever_leaves_in_the_middle_of_a_download_gives_its_place_back(stack: Stack) -> None:
    media_id = await stack.uploaded(bytes(28 * MIB), "application/pdf")
    shelf: Shelf = stack.gateway.app.state.media
    url, headers = f"{stack.gateway.url}/media/{media_id}", {"Authorization": f"Bearer {stack.tenant.api_key}"}
    answers = [await stack.gateway.http.get(url, headers=headers) for _ in range(DOWNLOADS_PER_TENANT_MAX)]
    assert (await stack.download(media_id)).status == 429
    for answer in answers:
        answer.close()
    async with asyncio.timeout(10):
        while shelf._downloads._taken:  # noqa: ASYNC110  # a server rings no bell
            await asyncio.sleep(0.02)
    assert (await stack.download(media_id)).status == 200


async def test_a_download_that_is_refused_gives_its_place_back(stack: Stack) -> None:
    never = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"
    answers = [await stack.download(never) for _ in range(DOWNLOADS_PER_TENANT_MAX + 1)]
    assert {answer.status for answer in answers} == {404}


async def test_the_places_of_all_tenants_together_are_counted(stack: Stack) -> None:
    places = Places(of_tenant_max=2, in_all_max=1)
    other = await stack.gateway.new_tenant()
    with places.take(other.id, TooManyDownloads()), pytest.raises(TooManyDownloads):
        places.take(stack.tenant.id, TooManyDownloads()).__enter__()
    with places.take(stack.tenant.id, TooManyDownloads()):
        pass
