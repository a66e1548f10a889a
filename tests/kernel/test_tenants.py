"""What every service knows of tenants: the newest version of each, and nothing before it has read everything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.tenants import TENANTS, NumberChanged, SealedServiceKeys, TenantChanged
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, encode
from services.kernel.settings import KafkaSettings
from services.kernel.tenants import FETCH_WAIT_MS, READING_FETCH_WAIT_MS, TenantDirectory
from tests.fixtures.infrastructure import Infrastructure

SERVICE = "billing"
PATIENCE_SECONDS = 20


class Keys:
    def __init__(self) -> None:
        self.private, self.public = crypto.new_box_keys()
        self.index, self.data, self.data_id = crypto.random_key(), crypto.random_key(), uuid4()

    def sealed(self, tenant_id: UUID) -> SealedServiceKeys:
        context = f"tenant:{tenant_id}:{SERVICE}"
        return SealedServiceKeys(
            index_key=crypto.seal_to(self.public, f"{context}:index", self.index),
            data_key_id=str(self.data_id),
            data_key=crypto.seal_to(self.public, f"{context}:data", self.data),
        )


@pytest.fixture
def keys() -> Keys:
    return Keys()


def tenant(id_: UUID, version: int, keys: Keys | None = None, *, name: str = "Tenant") -> TenantChanged:
    return TenantChanged(
        id=event_id(id_, f"tenant:{version}"),
        occurred_at=datetime.now(UTC),
        tenant_id=id_,
        entity=f"tenant:{id_}",
        version=version,
        name=name,
        state="active",
        tenant_class="ordinary",
        zone="Europe/Moscow",
        public_key=b"x" * 32,
        service_keys={} if keys is None else {SERVICE: keys.sealed(id_)},
    )


def number(tenant_id: UUID, phone_number_id: str, version: int) -> NumberChanged:
    return NumberChanged(
        id=event_id(tenant_id, f"number:{phone_number_id}:{version}"),
        occurred_at=datetime.now(UTC),
        tenant_id=tenant_id,
        entity=f"number:{phone_number_id}",
        version=version,
        phone_number_id=phone_number_id,
        waba_id="1",
        state="active",
    )


def new_directory(infrastructure: Infrastructure, keys: Keys) -> TenantDirectory:
    return TenantDirectory(infrastructure.kafka, service=SERVICE, private_key=keys.private)


@asynccontextmanager
async def reading(directory: TenantDirectory) -> AsyncIterator["asyncio.Task[None]"]:
    stop = asyncio.Event()
    task = asyncio.create_task(directory.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - Kafka's doing
            await asyncio.sleep(0.01)


def test_a_lower_or_repeated_version_changes_nothing(infrastructure: Infrastructure, keys: Keys) -> None:
    directory, id_ = new_directory(infrastructure, keys), uuid4()
    for version, name in ((2, "second"), (1, "first"), (2, "second again")):
        directory.apply(tenant(id_, version, keys, name=name))
        directory.apply(number(id_, "100", version))
    known, line = directory.tenant(id_), directory.number("100")
    assert known is not None
    assert line is not None
    assert (known.name, line.version) == ("second", 2)
    directory.apply(tenant(id_, 3, keys, name="third"))
    known = directory.tenant(id_)
    assert known is not None
    assert known.name == "third"


def test_only_its_own_keys_are_opened_and_older_ones_stay_for_what_they_sealed(
    infrastructure: Infrastructure, keys: Keys
) -> None:
    directory, id_ = new_directory(infrastructure, keys), uuid4()
    directory.apply(tenant(id_, 1, keys))
    old_id, old = keys.data_id, keys.data
    assert (directory.index_key(id_), directory.data_key(id_)) == (keys.index, crypto.Key(old_id, old))
    keys.data_id, keys.data = uuid4(), crypto.random_key()
    directory.apply(tenant(id_, 2, keys))
    assert directory.data_key(id_) == crypto.Key(keys.data_id, keys.data)
    assert directory.opening_key(id_, old_id).secret == old
    with pytest.raises(KeyError):
        directory.data_key(uuid4())


def test_a_tenant_without_keys_for_this_service_is_known_without_them(
    infrastructure: Infrastructure, keys: Keys
) -> None:
    directory, id_ = new_directory(infrastructure, keys), uuid4()
    directory.apply(tenant(id_, 1))
    assert directory.tenant(id_) is not None
    with pytest.raises(KeyError):
        directory.index_key(id_)


async def test_it_is_ready_only_when_everything_up_to_its_start_is_read(
    infrastructure: Infrastructure, keys: Keys, publisher: Publisher
) -> None:
    ids = [uuid4() for _ in range(300)]
    await publisher.publish(tenant(id_, 1, keys) for id_ in ids)
    directory = new_directory(infrastructure, keys)
    assert not directory.is_ready
    async with reading(directory):
        await until(lambda: directory.is_ready)
        assert all(directory.tenant(id_) for id_ in ids)


async def test_the_broker_holds_back_nothing_until_the_topic_is_read_to_its_end(
    infrastructure: Infrastructure, keys: Keys, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a start whose first request went astray takes as long as a fetch of an idle process."""
    await publisher.publish([tenant(uuid4(), 1, keys)])
    directory, held_back = new_directory(infrastructure, keys), list[tuple[bool, int]]()
    read = directory._read

    async def note(client: Any, *, wait_ms: int) -> None:
        held_back.append((directory.is_ready, client._fetcher._fetch_max_wait_ms))
        await read(client, wait_ms=wait_ms)

    monkeypatch.setattr(directory, "_read", note)
    async with reading(directory):
        await until(lambda: any(is_ready for is_ready, _ in held_back))
    assert set(held_back) == {(False, READING_FETCH_WAIT_MS), (True, FETCH_WAIT_MS)}


async def test_it_follows_what_comes_later_and_keeps_the_newest(
    infrastructure: Infrastructure, keys: Keys, publisher: Publisher
) -> None:
    directory, id_ = new_directory(infrastructure, keys), uuid4()
    phone_number_id = str(uuid4().int)[:15]
    async with reading(directory):
        await until(lambda: directory.is_ready)
        await publisher.publish([tenant(id_, 2, keys, name="second"), tenant(id_, 1, keys, name="first")])
        await publisher.publish([number(id_, phone_number_id, 1)])
        await until(lambda: directory.number(phone_number_id))
        await until(lambda: directory.tenant(id_))
        await asyncio.sleep(0.2)
        known = directory.tenant(id_)
    assert known is not None
    assert known.name == "second"


async def test_records_that_cannot_be_read_hide_no_others(
    infrastructure: Infrastructure, keys: Keys, publisher: Publisher
) -> None:
    stranger, good, garbled = uuid4(), uuid4(), uuid4()
    unreadable = msgspec.structs.replace(encode(tenant(garbled, 1, keys)), value=b"{}")
    unknown = Record(TENANTS.name, unreadable.key, b"{}", (("ce_type", b"tenant.praised.v1"),))
    await publisher.send([unreadable, unknown])
    await publisher.publish([tenant(stranger, 1, Keys()), tenant(good, 1, keys)])
    directory = new_directory(infrastructure, keys)
    async with reading(directory):
        await until(lambda: directory.is_ready)
        assert [directory.tenant(id_) is not None for id_ in (stranger, good, garbled)] == [False, True, False]


async def test_without_a_broker_it_is_not_ready_and_keeps_trying(keys: Keys) -> None:
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    directory = TenantDirectory(nowhere, service=SERVICE, private_key=keys.private)
    async with reading(directory) as task:
        await asyncio.sleep(0.5)
        assert (directory.is_ready, task.done()) == (False, False)
