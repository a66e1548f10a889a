"""What every service knows of tenants and numbers: the compacted topic `tenants`, held in memory."""

import asyncio
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.kernel import crypto
from services.kernel.contracts.tenants import TENANTS, NumberChanged, TenantChanged
from services.kernel.crypto.places import data_key_of, index_key_of
from services.kernel.errors import is_retryable
from services.kernel.kafka import clients
from services.kernel.kafka.record import Undecodable, UnknownKind, decode
from services.kernel.logging import get_logger
from services.kernel.settings import KafkaSettings

READ_WAIT_MS = 1_000
# The broker answers as soon as there is a record; every process asks, and mostly there is none. Well below the silence
# after which a connection is given up.
FETCH_WAIT_MS = clients.SILENCE_MS // 2
# Until the topic is read to its end: while a fetch is held back, aiokafka asks for no other partition's beginning.
READING_FETCH_WAIT_MS = 100
RETRY_SECONDS = 1.0

_log = get_logger()


class TenantDirectory:
    """The latest version of each tenant and number; `is_ready` once the topic was read to its end.

    `service` and `private_key` open what the gateway sealed to this service.
    """

    def __init__(self, settings: KafkaSettings, *, service: str, private_key: bytes) -> None:
        self._settings = settings
        self._service = service
        self._private_key = private_key
        self._tenants: dict[UUID, TenantChanged] = {}
        self._numbers: dict[str, NumberChanged] = {}
        self._wabas: dict[str, dict[str, NumberChanged]] = {}
        self._index_keys: dict[UUID, bytes] = {}
        self._data_keys: dict[UUID, dict[UUID, crypto.Key]] = {}
        self._at_end = asyncio.Event()
        #: Grows with everything that is taken in: who looks again only after a change compares it.
        self.revision = 0

    @property
    def is_ready(self) -> bool:
        return self._at_end.is_set()

    async def until_ready(self, stop: asyncio.Event) -> None:
        """Return once the topic was read to its end, or at `stop`."""
        waits = [asyncio.create_task(event.wait()) for event in (self._at_end, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def tenant(self, tenant_id: UUID) -> TenantChanged | None:
        return self._tenants.get(tenant_id)

    def number(self, phone_number_id: str) -> NumberChanged | None:
        return self._numbers.get(phone_number_id)

    def numbers_of_waba(self, waba_id: str) -> tuple[NumberChanged, ...]:
        """The numbers of a WhatsApp Business Account, of whichever tenants, by id; empty for an unknown one."""
        numbers = self._wabas.get(waba_id, {})
        return tuple(numbers[number_id] for number_id in sorted(numbers))

    def numbers_by_display(self, waba_id: str, phone: str) -> tuple[NumberChanged, ...]:
        """The numbers of a WABA that people see as `phone` (E.164 with '+'): some of Meta's webhooks name only that.

        More than one only where a test twin has the number of its parent.
        """
        return tuple(number for number in self.numbers_of_waba(waba_id) if self._is_seen_as(number, phone))

    def index_key(self, tenant_id: UUID) -> bytes:
        """The tenant's key of blind indexes; KeyError for an unknown tenant."""
        return self._index_keys[tenant_id]

    def data_key(self, tenant_id: UUID) -> crypto.Key:
        """The service's newest own key for the tenant's data; KeyError for an unknown tenant."""
        return next(reversed(self._data_keys[tenant_id].values()))

    def opening_key(self, tenant_id: UUID, key_id: UUID) -> crypto.Key:
        """The key with which something was sealed earlier; KeyError when it never came here."""
        return self._data_keys[tenant_id][key_id]

    def apply(self, event: object) -> None:
        """Take in a fact unless a newer version is known already."""
        match event:
            case TenantChanged():
                known = self._tenants.get(event.tenant_id)
                if known is None or known.version < event.version:
                    self._open_keys(event)
                    self._tenants[event.tenant_id] = event
                    self.revision += 1
            case NumberChanged():
                number = self._numbers.get(event.phone_number_id)
                if number is None or number.version < event.version:
                    self._take_number(number, event)

    async def run(self, stop: asyncio.Event) -> None:
        """Read the topic from its beginning and follow it until `stop`."""
        while not stop.is_set():
            try:
                await self._follow(stop)
            except (KafkaError, OSError) as error:
                if not is_retryable(error):
                    raise
                _log.warning("tenants cannot be read", error_class=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, stop: asyncio.Event) -> None:
        client = AIOKafkaConsumer(
            **clients.options(self._settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=READING_FETCH_WAIT_MS,
            consumer_timeout_ms=READ_WAIT_MS,
        )
        await client.start()
        try:
            places = await self._assign(client)
            ends = await client.end_offsets(places)
            while not await self._is_at(client, ends):
                if stop.is_set():
                    return
                await self._read(client, wait_ms=READING_FETCH_WAIT_MS)
            self._at_end.set()
            client._fetcher._fetch_max_wait_ms = FETCH_WAIT_MS
            while not stop.is_set():
                await self._read(client, wait_ms=READ_WAIT_MS)
        finally:
            await client.stop()

    async def _assign(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        await client._client._wait_on_metadata(TENANTS.name)
        places = [TopicPartition(TENANTS.name, number) for number in client.partitions_for_topic(TENANTS.name) or ()]
        client.assign(places)
        await client.seek_to_beginning(*places)
        return places

    async def _read(self, client: AIOKafkaConsumer, *, wait_ms: int) -> None:
        fetched = await client.getmany(timeout_ms=wait_ms)
        for record in (record for records in fetched.values() for record in records):
            try:
                self.apply(decode(record.headers, record.value))
            except UnknownKind:
                continue
            except (Undecodable, crypto.CannotOpen):  # one bad record must not silence all the others
                _log.error("tenant record is unreadable", partition=record.partition, offset=record.offset)

    async def _is_at(self, client: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
        return all([await client.position(place) >= end for place, end in ends.items()])

    def _is_seen_as(self, number: NumberChanged, phone: str) -> bool:
        index_key = self._index_keys.get(number.tenant_id)
        return index_key is not None and number.display_index == crypto.blind_index(index_key, "phone", phone)

    def _take_number(self, before: NumberChanged | None, event: NumberChanged) -> None:
        if before is not None:
            self._wabas[before.waba_id].pop(event.phone_number_id)
        self._numbers[event.phone_number_id] = event
        self._wabas.setdefault(event.waba_id, {})[event.phone_number_id] = event
        self.revision += 1

    def _open_keys(self, event: TenantChanged) -> None:
        sealed = event.service_keys.get(self._service)
        if sealed is None:
            return
        tenant_id, service = event.tenant_id, self._service
        index_key = crypto.open_box(self._private_key, index_key_of(tenant_id, service), sealed.index_key)
        self._index_keys[tenant_id] = index_key
        secret = crypto.open_box(self._private_key, data_key_of(tenant_id, service), sealed.data_key)
        key = crypto.Key(UUID(sealed.data_key_id), secret)
        self._data_keys.setdefault(tenant_id, {})[key.id] = key
