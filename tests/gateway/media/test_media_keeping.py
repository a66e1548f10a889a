"""Files live as long as they should, nothing is left over, and the door learns only ids that can be sent."""

import os
import time
from uuid import UUID

import pytest

from services.gateway.media import keeping
from services.gateway.media.library import media_uuid
from services.gateway.media.service import Library
from services.gateway.media.withdrawing import Withdrawals
from services.kernel.identifiers import uuid7
from tests.gateway.media.stack import JPEG, Stack

UNKNOWN = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"


async def test_an_upload_lives_a_little_less_than_at_meta(stack: Stack) -> None:
    media_id = await stack.uploaded()
    sql = "select extract(epoch from expires_at - created_at) / 86400 as days, usable_until from media where id = :id"
    [row] = await stack.rows(sql, id=UUID(media_id))
    assert 28.9 < row.days < 29.1


async def test_a_file_whose_time_is_over_is_removed_and_its_row_says_so(stack: Stack) -> None:
    old, young = await stack.uploaded(), await stack.uploaded()
    await stack.rows("update media set expires_at = now() - interval '1 s' where id = :id", id=UUID(old))
    assert await keeping.expire(stack.database, stack.files) == 1
    assert await stack.state_of(old) == "expired"
    assert [path.name for path in stack.stored_files()] == [f"{young}.sealed"]
    assert (await stack.describe(old)).error["error_subcode"] == 33
    assert (await stack.download(young)).body == JPEG


async def test_a_deleted_file_stays_at_meta_while_an_accepted_message_may_name_it(stack: Stack) -> None:
    media_id, kept = await stack.uploaded(), await stack.uploaded()
    meta_id, _ = stack.meta.uploads
    assert (await stack.delete(media_id)).status == 200
    state = stack.gateway.app.state
    withdrawals = Withdrawals(
        database=stack.database, keyring=stack.keyring, directory=state.directory, upstream=state.upstream
    )
    await withdrawals.withdraw_all()
    assert stack.meta.deleted == []
    [row] = await stack.rows(
        "select due_at > now() + interval '24 hours' as is_later from media where id = :id", id=UUID(media_id)
    )
    assert row.is_later
    await stack.rows(
        "update media set due_at = now() - interval '1 s' where tenant_id = :tenant_id", tenant_id=stack.tenant.id
    )
    await withdrawals.withdraw_all()
    await withdrawals.withdraw_all()
    assert stack.meta.deleted == [meta_id]
    assert (await stack.download(kept)).body == JPEG


async def test_what_a_crash_left_behind_is_swept_and_nothing_else(stack: Stack) -> None:
    kept = await stack.uploaded()
    orphan_of = stack.stored_files()[0].with_name(f"{uuid7()}.sealed")
    spooled = stack.directory / ".spool" / "x.1"
    foreign = stack.stored_files()[0].with_name("notes.txt")
    young = stack.stored_files()[0].with_name(f"{uuid7()}.sealed")
    for path in (orphan_of, spooled, foreign, young):
        path.write_bytes(b"left over")
    cut_off = uuid7()
    await stack.rows(
        """insert into media (tenant_id, id, direction, state, phone_number_id, bytes, created_at, expires_at)
           values (:tenant_id, :id, 'uploaded', 'pending', '1', 1, now() - interval '2 h', now() + interval '1 day')""",
        tenant_id=stack.tenant.id,
        id=cut_off,
    )
    hours_ago = time.time() - 7_200
    for path in stack.stored_files():
        if path != young:
            os.utime(path, (hours_ago, hours_ago))
    assert await keeping.sweep(stack.database, stack.files) == 1
    assert {path.name for path in stack.stored_files()} == {f"{kept}.sealed", "notes.txt", young.name}
    assert await stack.state_of(cut_off) is None
    assert (await stack.download(kept)).body == JPEG


async def test_rows_of_what_is_gone_are_forgotten_after_a_month(stack: Stack) -> None:
    old, young = await stack.uploaded(), await stack.uploaded()
    for media_id, days in ((old, 31), (young, 29)):
        await stack.delete(media_id)
        sql = "update media set expires_at = now() - make_interval(days => :days) where id = :id"
        await stack.rows(sql, days=days, id=UUID(media_id))
    await keeping.sweep(stack.database, stack.files)
    assert [await stack.state_of(media_id) for media_id in (old, young)] == [None, "deleted"]


async def test_as_many_are_forgotten_as_there_are(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BATCH", 1)
    old = [await stack.uploaded() for _ in range(3)]
    for media_id in old:
        await stack.delete(media_id)
    await stack.rows("update media set expires_at = now() - interval '31 days' where state = 'deleted'")
    await keeping.sweep(stack.database, stack.files)
    assert [await stack.state_of(media_id) for media_id in old] == [None] * 3


async def test_the_door_learns_metas_ids_of_what_can_be_sent_and_of_nothing_else(stack: Stack) -> None:
    other = await stack.gateway.new_tenant()
    mine, theirs = await stack.uploaded(), await stack.uploaded(tenant=other)
    gone, old = await stack.uploaded(), await stack.uploaded()
    await stack.delete(gone)
    await stack.rows("update media set usable_until = now() where id = :id", id=UUID(old))
    meta_id = next(iter(stack.meta.uploads))
    library = Library(stack.database, stack.keyring)
    library.start()
    try:
        asked = [mine, theirs, gone, old, UNKNOWN, "123", mine.upper(), ""]
        number = stack.tenant.phone_number_id
        assert await library.meta_ids(stack.tenant.id, number, asked) == {mine: meta_id}
        assert await library.meta_ids(stack.tenant.id, other.phone_number_id, asked) == {}
        assert list(await library.meta_ids(other.id, other.phone_number_id, asked)) == [theirs]
    finally:
        await library.stop()


async def test_what_a_person_sent_can_be_sent_on(stack: Stack) -> None:
    photo = stack.sent_by_a_person()
    async with stack.fetching():
        media_id = await stack.arrives({"image": photo})
        await stack.until_state(media_id, "ready")
    library = Library(stack.database, stack.keyring)
    library.start()
    try:
        known = await library.meta_ids(stack.tenant.id, stack.tenant.phone_number_id, [str(media_id)])
        assert known == {str(media_id): photo["id"]}
    finally:
        await library.stop()


def test_only_the_canonical_form_is_an_id_of_ours() -> None:
    assert str(media_uuid(UNKNOWN)) == UNKNOWN
    for odd in (UNKNOWN.upper(), UNKNOWN.replace("-", ""), f"{{{UNKNOWN}}}", f"urn:uuid:{UNKNOWN}", "1", "х" * 36):
        assert media_uuid(odd) is None
