"""Facts from Kafka into files, a topic each, and back: one JSON object a line, {"type", "value"}."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.errors import StackError
from services.kernel.contracts import EVENT_TYPES, Event

FETCH_WAIT_MS = 500
STALLED_SECONDS = 30.0
Advance = Callable[[int], None]


class Line(msgspec.Struct):
    """One fact in a file."""

    type: str
    value: msgspec.Raw


class Files:
    """One file of lines for every topic."""

    def __init__(self, directory: Path, topics: Sequence[str]) -> None:
        self._directory = directory
        self._topics = topics
        self._files: dict[str, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        for topic in self._topics:
            self._files[topic] = self._stack.enter_context((self._directory / f"{topic}.jsonl").open("wb"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, topic: str, lines: Iterable[bytes]) -> None:
        self._files[topic].writelines(lines)


class Export:
    """Reads topics from their beginning to where they end now; `count` is how many records that is."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._topics = topics
        self._client = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._ends: dict[TopicPartition, int] = {}
        self._counts: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        await self._client.start()
        places = [place for topic in self._topics for place in await self._places(topic)]
        self._client.assign(places)
        beginnings = await self._client.beginning_offsets(places)
        self._ends = await self._client.end_offsets(places)
        self._counts = {place: end - beginnings[place] for place, end in self._ends.items()}
        await self._client.seek_to_beginning(*places)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.stop()

    @property
    def count(self) -> int:
        return sum(self._counts.values())

    async def write(self, files: Files, advance: Advance) -> None:
        """Write every topic's facts; `advance` hears how many records were read."""
        progress_at = time.monotonic()
        while await self._is_behind():
            fetched = await self._client.getmany(timeout_ms=FETCH_WAIT_MS)
            for place, records in fetched.items():
                meant = [record for record in records if record.offset < self._ends[place]]
                files.write(place.topic, map(_line, meant))
                advance(len(meant))
            progress_at = time.monotonic() if fetched else progress_at
            if time.monotonic() - progress_at > STALLED_SECONDS:
                raise StackError(f"Kafka gave nothing for {STALLED_SECONDS:g} s before the topics' end.")

    async def _places(self, topic: str) -> list[TopicPartition]:
        await self._client._client._wait_on_metadata(topic)
        return [TopicPartition(topic, number) for number in self._client.partitions_for_topic(topic) or ()]

    async def _is_behind(self) -> bool:
        for place, end in self._ends.items():
            if await self._client.position(place) < end:
                return True
        return False


def _line(record: Any) -> bytes:
    type_ = next((value.decode() for name, value in record.headers if name == "ce_type"), "")
    try:
        value = msgspec.json.decode(record.value or b"null", type=msgspec.Raw)
    except msgspec.DecodeError:  # no fact of ours: it stands among the dead letters
        value = msgspec.Raw(b"null")
    return msgspec.json.encode(Line(type_, value)) + b"\n"


def read(directory: Path) -> Iterator[Event]:
    """Every fact of every file, of the kinds that this build knows; what no consumer could read led to nothing."""
    for path in sorted(directory.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                found = msgspec.json.decode(line, type=Line)
                if (event := EVENT_TYPES.get(found.type)) is not None:
                    with suppress(msgspec.ValidationError):
                        yield msgspec.json.decode(found.value, type=event)


def export(bootstrap: str, topics: Sequence[str], directory: Path, begin: Callable[[int], Advance]) -> int:
    """Write the topics into `directory`; `begin` gets the number of records and returns what hears of each batch."""
    return asyncio.run(_export(bootstrap, topics, directory, begin))


async def _export(bootstrap: str, topics: Sequence[str], directory: Path, begin: Callable[[int], Advance]) -> int:
    async with Export(bootstrap, topics) as reading:
        with Files(directory, topics) as files:
            await reading.write(files, begin(reading.count))
        return reading.count
