"""Idempotency keys on their own: batches, leases, ends and age."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql

from services.gateway.idempotency import repository
from services.gateway.idempotency.service import (
    Claim,
    IdempotencyKeys,
    KeyInUse,
    KeyOfAnotherRequest,
    Taken,
    prune_idempotency_keys,
)
from services.kernel.db import Database


@pytest.fixture
async def keys(gateway_database: Database) -> AsyncIterator[IdempotencyKeys]:
    keys = IdempotencyKeys(gateway_database)
    keys.start()
    yield keys
    await keys.stop()


def claim(tenant_id: UUID, *, key: str = "k", body: bytes = b"a") -> Claim:
    return Claim(tenant_id, key, body, uuid4())


async def age(database: Database, tenant_id: UUID, assignment: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            sql(f"update idempotency_keys set {assignment} where tenant_id = :t"), {"t": tenant_id}
        )


async def test_equal_keys_in_one_batch_are_judged_each_on_its_own(gateway_database: Database) -> None:
    tenant_id = uuid4()
    first, repeat, other = claim(tenant_id), claim(tenant_id), claim(tenant_id, key="another", body=b"b")
    taken, again, third = await IdempotencyKeys(gateway_database)._take([first, repeat, other])
    assert taken == Taken(first.message_id, is_finished=False)
    assert isinstance(again, KeyInUse)
    assert third == Taken(other.message_id, is_finished=False)


async def test_a_living_lease_keeps_others_out_and_a_dead_one_hands_its_message_on(
    keys: IdempotencyKeys, gateway_database: Database
) -> None:
    first = claim(uuid4())
    await keys.take(first)
    with pytest.raises(KeyInUse) as refused:
        await keys.take(claim(first.tenant_id))
    assert refused.value.retry_after_seconds == 1
    await age(gateway_database, first.tenant_id, "lease_until = now()")
    assert await keys.take(claim(first.tenant_id)) == Taken(first.message_id, is_finished=False)


async def test_a_released_key_is_taken_again_under_the_same_message(keys: IdempotencyKeys) -> None:
    first = claim(uuid4())
    await keys.take(first)
    await keys.release(first, first.message_id)
    assert await keys.take(claim(first.tenant_id)) == Taken(first.message_id, is_finished=False)


async def test_a_finished_key_answers_for_ever_and_is_never_released(keys: IdempotencyKeys) -> None:
    first = claim(uuid4())
    await keys.take(first)
    await keys.finish(first, first.message_id)
    await keys.release(first, first.message_id)
    assert await keys.take(claim(first.tenant_id)) == Taken(first.message_id, is_finished=True)
    assert await keys.finished(claim(first.tenant_id)) == first.message_id
    assert await keys.finished(claim(first.tenant_id, body=b"b")) is None


async def test_another_body_is_refused_before_and_after_the_end(keys: IdempotencyKeys) -> None:
    first = claim(uuid4())
    await keys.take(first)
    with pytest.raises(KeyOfAnotherRequest):
        await keys.take(claim(first.tenant_id, body=b"b"))
    await keys.finish(first, first.message_id)
    with pytest.raises(KeyOfAnotherRequest):
        await keys.take(claim(first.tenant_id, body=b"b"))


async def test_keys_are_forgotten_after_72_hours(keys: IdempotencyKeys, gateway_database: Database) -> None:
    old, new = claim(uuid4()), claim(uuid4())
    for one in (old, new):
        await keys.take(one)
        await keys.finish(one, one.message_id)
    await age(gateway_database, old.tenant_id, "created_at = now() - interval '73 hours'")
    await age(gateway_database, new.tenant_id, "created_at = now() - interval '71 hours'")
    async with gateway_database.transaction() as connection:
        assert await prune_idempotency_keys(connection) == 1
    assert await keys.finished(old) is None
    assert await keys.finished(new) == new.message_id


async def test_looking_for_old_keys_reads_no_young_ones(gateway_database: Database) -> None:
    young = """insert into idempotency_keys (tenant_id, key_index, fingerprint, message_id, lease_until)
               select gen_random_uuid(), '', '', gen_random_uuid(), now() from generate_series(1, 20000)"""
    prune = repository._PRUNE.text.replace(":hours", "$1").replace(":count", "$2")
    async with gateway_database.transaction() as connection:
        await connection.execute(sql("set local plan_cache_mode = force_generic_plan"))
        await connection.execute(sql(young))
        await connection.execute(sql(f"prepare prune (int, int) as {prune}"))
        lines = await connection.scalars(sql("explain (analyze, timing off) execute prune (72, 1000)"))
        assert not any("Rows Removed" in line for line in lines)
        await connection.execute(sql("deallocate prune"))
        await connection.execute(sql("delete from idempotency_keys where key_index = ''"))
