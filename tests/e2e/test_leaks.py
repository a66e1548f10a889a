"""What people say and who they are stands nowhere: every topic, every table, every file of the stack is searched."""

import secrets as _random
from collections.abc import AsyncIterator

import pytest

from deploy.local import processes
from deploy.local.secrets import DATABASES
from services.kernel.contracts import TOPICS
from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant, new_person
from tests.e2e.leaks import forms, places, planting
from tests.e2e.leaks.scanner import Scan
from tests.e2e.leaks.story import CALLBACK_TOKEN, Story, words

# The sandbox is Meta: it knows people. PostgreSQL's data is read as tables. The others are where secrets belong.
NOT_SEARCHED = ("sandbox", "postgres", "secrets.json", "kek")
# A tenant's own address is a setting that the tenant reads back; it stands in its one table and nowhere else.
IN_CLEAR = {("table gateway.public.callback_endpoints", CALLBACK_TOKEN)}
INFRASTRUCTURE = (*DATABASES, "postgres")


async def scan(world: World, secrets: list[forms.Secret]) -> Scan:
    """Search everything that the stack keeps or shows."""
    stack, found = world.stack, Scan(secrets)
    await found.look_at_every(places.topics(world.facts.bootstrap))
    for database in INFRASTRUCTURE:
        await found.look_at_every(places.tables(superuser(world, database), database))
    found.look_at_all(places.files(stack.directory, left_out=NOT_SEARCHED))
    metrics = {name: f"http://127.0.0.1:{stack.facts.ports[name]}/metrics" for name in stack.names}
    await found.look_at_every(places.pages(metrics))
    print(f"\n{found.report()}")
    return found


def superuser(world: World, database: str) -> str:
    return world.stack.infrastructure.postgres.dsn("postgres", database)


@pytest.fixture
async def story(world: World, tenant: Tenant) -> AsyncIterator[Story]:
    yield Story(world, tenant)
    tenant.callbacks.answer = 200


async def test_after_an_end_to_end_run_no_topic_table_or_log_holds_a_text_or_a_phone_number(
    world: World, story: Story
) -> None:
    await story.tell()
    found = await scan(world, story.secrets)
    assert {(leak.place, leak.secret) for leak in found.leaks} == IN_CLEAR, found.leaks
    assert_everything_was_searched(world, found)


def assert_everything_was_searched(world: World, found: Scan) -> None:
    """A search that looked at nothing finds nothing."""
    topics = {place.removeprefix("topic ").partition("[")[0] for place in found.places("topic")}
    assert set(TOPICS) <= topics
    assert "__consumer_offsets" in topics
    for table in ("messages", "inbound_messages", "callback_endpoints", "callback_deliveries", "numbers", "seen"):
        assert any(f"gateway.public.{table}" in place for place in found.places("table")), table
    for place in ("consent.public.consent_events", "billing.public.transfers", "webhook.public.quarantine"):
        assert f"table {place}" in found.places("table")
    for name in (*world.stack.names, *processes.INFRASTRUCTURE):
        assert f"file log/{name}.log" in found.places("file"), name
    assert {f"page {name}" for name in world.stack.names} == found.places("page")


async def test_a_planted_leak_is_found_in_each_kind_of_place_in_each_form(world: World) -> None:
    """Each form belongs to a secret of its own; the numbers are not neighbours, which look alike in base64."""
    names = list(planting.leaks_of(words("probe"), new_person()))
    owned = {
        name: (words(f"planted {number}"), f"+7916{_random.randbelow(10**7):07d}") for number, name in enumerate(names)
    }
    leaks = {name: planting.leaks_of(*owned[name])[name] for name in names}
    secrets = [secret for name in names for secret in secrets_of(name, *owned[name])]
    found = Scan(secrets)
    dsn = superuser(world, "gateway")
    async with planting.planted(
        leaks, bootstrap_servers=world.facts.bootstrap, dsn=dsn, directory=world.stack.directory
    ):
        for pieces in (places.topics(world.facts.bootstrap), places.tables(dsn, "gateway")):
            await found.look_at_every(piece async for piece in pieces if "planted" in piece.place)
        files = places.files(world.stack.directory, left_out=NOT_SEARCHED)
        found.look_at_all(piece for piece in files if planting.LOG in piece.place)
    expected = {(place, name) for name, leak in leaks.items() for place in planting.places_of(leak)}
    assert len(names) > 60
    assert {(leak.place, leak.secret) for leak in found.leaks} == expected


def secrets_of(name: str, said: str, number: str) -> list[forms.Secret]:
    return [forms.text(name, said), forms.phone(name, number)]
