"""An endpoint that has failed for days is disabled, by a precise rule, and its tenant's other endpoints hear of it."""

import pytest

from services.gateway.callbacks import management
from services.gateway.endpoint_health import service as health
from services.gateway.endpoint_health.service import Failed
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import RULES, TenantInTest, World

URL = "https://hooks.example.com/"


async def _fail(world: World, tenant: TenantInTest, *, url: str = URL, rest: float = 0.0) -> str | None:
    """A failure now; returns why the endpoint is disabled after it."""
    row = await world.first(tenant)
    async with world.database.transaction() as connection:
        await health.note(connection, world.keyring, succeeded=[], failed=[Failed(row.id, url, False, rest)])
    return (await world.first(tenant)).disabled_reason


async def _streak(world: World, tenant: TenantInTest, *, first: str, last: str) -> None:
    await world.rows(
        "update callback_endpoints set failing_since = now() - cast(cast(:first as text) as interval),"
        " last_failure_at = now() - cast(cast(:last as text) as interval) where tenant_id = :id",
        first=first,
        last=last,
        id=tenant.id,
    )


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("5 days 1 minute", "6 hours", "failing"),
        ("5 days 1 minute", "23 hours", "failing"),
        ("4 days 23 hours", "6 hours", None),
        ("5 days 1 minute", "25 hours", None),  # a day without an attempt: the streak begins anew
        ("5 days 1 minute", "5 days", None),
        ("1 hour", "1 minute", None),
    ],
)
async def test_an_endpoint_is_disabled_after_five_days_of_failures_that_follow_one_another(
    world: World, first: str, last: str, reason: str | None
) -> None:
    tenant = await world.tenant(URL)
    await _streak(world, tenant, first=first, last=last)
    assert await _fail(world, tenant) == reason


async def test_a_success_ends_the_streak(world: World) -> None:
    tenant = await world.tenant(URL)
    await _streak(world, tenant, first="6 days", last="1 hour")
    row = await world.first(tenant)
    failed = Failed(row.id, URL, False, 0.0)
    async with world.database.transaction() as connection:
        assert await health.note(connection, world.keyring, succeeded={row.id}, failed=[failed]) == [row.id]
    assert (await world.first(tenant)).failing_since is None
    assert await _fail(world, tenant) is None


async def test_a_failure_at_an_address_that_is_no_longer_the_endpoints_says_nothing_of_it(world: World) -> None:
    tenant = await world.tenant(URL)
    await _streak(world, tenant, first="6 days", last="1 hour")
    assert await _fail(world, tenant, url="https://old.example.com/") is None


async def test_the_other_endpoints_hear_that_one_was_disabled_and_it_is_called_again_when_enabled(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    row = await world.first(tenant)
    await world.endpoint(tenant, other_receiver.url, ["callback_endpoint"])
    await _streak(world, tenant, first="6 days", last="1 hour")
    receiver.answers.append(500)
    async with world.delivering():
        await world.told(tenant, 1)
        await other_receiver.until(values=1)
        await world.told(tenant, 1)
        async with world.database.transaction() as connection:
            shown = await management.find(connection, tenant.id, row.id)
        assert (shown.disabled_reason, len(receiver.calls)) == ("failing", 1)
        async with world.database.transaction() as connection:
            await management.enable(connection, tenant.id, row.id)
        await receiver.until(values=3)
    [notice] = other_receiver.values
    assert notice.keys() >= {"endpoint_id", "reason", "disabled_at", "event_id"}
    assert (notice["endpoint_id"], notice["reason"]) == (str(row.id), "failing")


async def test_an_endpoint_that_asks_for_a_pause_gets_it_from_every_worker(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant, other = await world.tenant(receiver.url), await world.tenant(other_receiver.url)
    receiver.answers.append(429)
    receiver.headers["Retry-After"] = "3000"
    async with world.delivering(), world.delivering():
        await world.told(tenant, 1)
        await world.until_rows("select 1 from callback_endpoints where rest_until > now() + interval '40 minutes'", 1)
        await world.told(tenant, 1)
        await world.told(other, 1)
        await other_receiver.until(calls=1)
        assert len(receiver.calls) == 1
        row = await world.first(tenant)
        async with world.database.transaction() as connection:
            await management.enable(connection, tenant.id, row.id)
        await receiver.until(calls=3)


async def test_facts_of_a_disabled_endpoint_wait_and_are_dropped_after_a_week(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    row = await world.first(tenant)
    async with world.database.transaction() as connection:
        assert (await management.disable(connection, tenant.id, row.id)).disabled_reason == "by_tenant"
    old, young = await world.told(tenant, 1), await world.told(tenant, 1)
    await world.rows(
        """update callback_queue set made_at = now() - interval '8 days'
            where 100 * sequence = (select sequence from callback_facts where event_id = :id)""",
        id=old[0],
    )
    async with world.delivering():
        await world.until_rows("select 1 from callback_facts", 1)
        async with world.database.transaction() as connection:
            await management.enable(connection, tenant.id, row.id)
        await receiver.until(calls=1)
    assert [value["event_id"] for value in receiver.values] == [str(young[0])]


async def test_a_paused_endpoint_is_called_as_soon_as_its_tenant_has_changed_it(
    world: World, receiver: Receiver, other_receiver: Receiver
) -> None:
    tenant = await world.tenant(receiver.url)
    receiver.answers.extend([504] * 5)
    as_after_ten_failures = {"failures_free": -9, "pause_max_seconds": 600.0, "slow_seconds": 600.0}
    async with world.delivering(**as_after_ten_failures):
        await world.told(tenant, 1)
        await receiver.until(calls=1)
        await world.until_rows("select 1 from callback_deliveries where last_status = 504", 1)
        async with world.database.transaction() as connection:
            await management.set_url(connection, tenant.id, other_receiver.url, rules=RULES)
        await other_receiver.until(values=1)
    assert len(receiver.calls) == 1
