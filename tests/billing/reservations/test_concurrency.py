"""Workers side by side neither deadlock nor overdraw."""

import asyncio
from uuid import uuid4

from services.billing.reservations import expiry
from services.kernel import clock
from services.kernel.contracts.reservations import MessageFunded
from services.kernel.identifiers import uuid7
from tests.billing.stand import DAY, NOON, Billing, cleared, expired, failed, micros, reported


async def test_batches_for_one_tenant_share_one_wallet(billing: Billing) -> None:
    tenant = await billing.new_tenant("600.00")
    batches = [[cleared(tenant, uuid7()) for _ in range(50)] for _ in range(4)]
    answers = await asyncio.gather(*(billing.feed(*batch) for batch in batches))
    assert sum(isinstance(answer, MessageFunded) for batch in answers for answer in batch) == 100
    assert await billing.balance(tenant) == (0, micros("600"))
    await billing.audit()


async def test_batches_that_cross_in_their_tenants_do_not_deadlock(billing: Billing) -> None:
    tenants = [await billing.new_tenant() for _ in range(6)] + [uuid4() for _ in range(6)]
    for _ in range(5):
        messages = [(tenant, uuid7()) for tenant in tenants for _ in range(5)]
        forward = [cleared(*message) for message in messages]
        await asyncio.gather(billing.feed(*forward), billing.feed(*reversed(forward)))
        await asyncio.gather(
            billing.feed(*(reported(*message, "delivered") for message in messages)),
            billing.feed(*(failed(*message) for message in reversed(messages))),
            billing.feed(*(expired(*message) for message in messages)),
            billing.feed(*(reported(*message, "read", is_named=False) for message in reversed(messages))),
        )
    await billing.audit()


async def test_the_same_batch_twice_at_once_is_one_batch(billing: Billing) -> None:
    tenant = await billing.new_tenant()
    batch = [cleared(tenant, uuid7()) for _ in range(20)]
    one, other = await asyncio.gather(billing.feed(*batch), billing.feed(*batch))
    assert one == other
    await billing.audit()


async def test_a_delivery_and_the_sweep_race_for_a_hold_and_one_of_them_wins(billing: Billing) -> None:
    tenant = await billing.new_tenant()
    messages = [uuid7() for _ in range(40)]
    with clock.frozen(NOON) as time:
        await billing.feed(*(cleared(tenant, message, expires_at=NOON) for message in messages))
        time.advance(8 * DAY.total_seconds())
        await asyncio.gather(
            expiry.sweep(billing.database),
            billing.feed(*(reported(tenant, message, "delivered") for message in messages)),
            expiry.sweep(billing.database),
        )
    assert {await billing.state(message) for message in messages} == {"captured"}
    await billing.audit()
