"""How far another process's consumer group is behind, asked of the broker."""

import asyncio
import time
from collections import deque

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.kernel.contracts import Topic
from services.kernel.kafka import clients
from services.kernel.settings import KafkaSettings

POLL_SECONDS = 0.5
ASK_TIMEOUT_SECONDS = 2.0
KEEP_SECONDS = 60


class GroupLag:
    """Watches one group on one topic: an offset that existed N seconds ago and is not committed means N s behind."""

    def __init__(self, settings: KafkaSettings, *, group: str, topic: Topic) -> None:
        self._settings = settings
        self._group = group
        self._topic = topic.name
        self._ends: deque[tuple[float, dict[TopicPartition, int]]] = deque()
        self._committed: dict[TopicPartition, int] = {}
        self._asked_at = 0.0

    def behind(self, seconds: float) -> bool:
        """Whether the group is more than `seconds` behind, or nobody could say for that long."""
        now = time.monotonic()
        if not self._ends or now - self._asked_at > seconds:
            return True
        old = [ends for at, ends in self._ends if at <= now - seconds]
        # Right after the start nothing is old enough: what existed at the first look may be older than that.
        ends = old[-1] if old else self._ends[0][1]
        return any(self._committed.get(place, 0) < end for place, end in ends.items())

    async def run(self, stop: asyncio.Event) -> None:
        """Keep asking until `stop`; an unreachable broker makes the group count as behind."""
        while not stop.is_set():
            try:
                await self._watch(stop)
            except (KafkaError, OSError):
                await asyncio.sleep(POLL_SECONDS)

    async def _watch(self, stop: asyncio.Event) -> None:
        options = clients.options(self._settings)
        admin, reader = AIOKafkaAdminClient(**options), AIOKafkaConsumer(**options)
        try:
            await reader.start()
            await admin.start()
            while not stop.is_set():
                async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
                    await self._ask(admin, reader)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await reader.stop()
            await admin.close()

    async def _ask(self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        await reader._client._wait_on_metadata(self._topic)
        places = [TopicPartition(self._topic, number) for number in reader.partitions_for_topic(self._topic) or ()]
        asked_at = time.monotonic()
        ends = await reader.end_offsets(places)
        committed = await admin.list_consumer_group_offsets(self._group)
        known = {place: found.offset for place, found in committed.items() if found.offset >= 0}
        # Without a commit the group will begin where the topic does: what retention has removed is not waited for.
        unread = [place for place in places if place not in known]
        self._committed = known | (await reader.beginning_offsets(unread) if unread else {})
        self._ends.append((asked_at, ends))
        self._asked_at = asked_at
        while self._ends and self._ends[0][0] < asked_at - KEEP_SECONDS:
            self._ends.popleft()
