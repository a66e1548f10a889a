"""Two lanes in one topic: express facts have partitions of their own, so that a mailing never stands before a reply."""

import zlib
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from aiokafka import TopicPartition

from services.kernel.contracts import EVENT_TYPES, Event
from services.kernel.kafka.record import Record

LANE = "lane"
#: The first third of the partitions is the express lane's, and at least one.
EXPRESS_SHARE = 3


def is_laned(event: type[Event]) -> bool:
    """Whether facts of this kind say in which lane they travel."""
    return LANE in event.__struct_fields__


@cache
def has_lanes(topic: str) -> bool:
    """Whether some facts of the topic travel in lanes; its other facts take the bulk lane."""
    return any(event.TOPIC.name == topic and is_laned(event) for event in EVENT_TYPES.values())


def express_count(topic: str, partitions: int) -> int:
    """How many of the topic's first partitions are the express lane; 0 where it has no lanes, or one partition only."""
    return max(1, partitions // EXPRESS_SHARE) if has_lanes(topic) and partitions > 1 else 0


def partition_count(topic: str, partitions: int) -> int:
    """How many of `partitions` a topic gets: one without lanes as many as the bulk lane of the others.

    It has nothing to keep apart, and each partition that a batch touches is a write to the disk of its own.
    """
    return partitions if has_lanes(topic) else max(1, partitions - max(1, partitions // EXPRESS_SHARE))


class Split(NamedTuple):
    """How a topic's partitions are shared: the first `express` of `partitions` are the express lane."""

    express: int
    partitions: int

    def partition_of(self, record: Record) -> int:
        """The partition of a record: by its key, within its lane."""
        number = zlib.crc32(record.key)
        if record.is_express and self.express:
            return number % self.express
        return self.express + number % (self.partitions - self.express)


def split(topic: str, partitions: int) -> Split:
    """How a topic with so many partitions is shared between the lanes."""
    return Split(express_count(topic, partitions), partitions)


def express_places(assigned: Iterable[TopicPartition], partitions: int) -> list[TopicPartition]:
    """Those of a member's partitions that are the express lane."""
    return [place for place in assigned if place.partition < express_count(place.topic, partitions)]
