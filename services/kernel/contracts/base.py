"""How a fact is declared: its topic, its type, its key and the bytes it travels as."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, TypeVar
from uuid import UUID

import msgspec

from services.kernel.identifiers import uuid5

TYPE_PATTERN = re.compile(r"^[a-z]+\.[a-z_]+\.v[1-9][0-9]*$")
EVENT_TYPES: dict[str, type["Event"]] = {}
TOPICS: dict[str, "Topic"] = {}

# A time without its zone is no moment: it is refused at decoding.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
RETENTION = timedelta(days=14)
DEAD_RETENTION = timedelta(days=90)


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One fact family: only the owner publishes, only the named consumers read."""

    name: str
    owner: str
    consumers: frozenset[str]
    purpose: str
    retention: timedelta = RETENTION
    compacted: bool = False

    def __post_init__(self) -> None:
        assert self.name not in TOPICS, f"topic {self.name} is declared twice"
        TOPICS[self.name] = self

    @property
    def dead(self) -> str:
        """The topic of records of this one that could not be handled."""
        return f"{self.name}.dead"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that has happened. `id` is deterministic, so that the same fact said twice is one fact."""

    TOPIC: ClassVar[Topic]
    TYPE: ClassVar[str]
    KEY: ClassVar[str]
    SUBJECT: ClassVar[str | None] = None

    id: UUID
    occurred_at: Moment
    tenant_id: UUID

    @property
    def partition_key(self) -> bytes:
        return str(getattr(self, self.KEY)).encode()


E = TypeVar("E", bound=Event)


def _declare(cls: type[E], topic: Topic, type_: str, key: str, subject: str | None) -> type[E]:
    assert TYPE_PATTERN.match(type_), f"{cls.__name__}: bad type {type_!r}"
    assert key in cls.__struct_fields__, f"{cls.__name__}: no field {key!r} to be the key"
    assert subject is None or subject in cls.__struct_fields__, (
        f"{cls.__name__}: no field {subject!r} to be the subject"
    )
    assert type_ not in EVENT_TYPES, f"{type_} is declared twice"
    cls.TOPIC, cls.TYPE, cls.KEY, cls.SUBJECT = topic, type_, key, subject
    EVENT_TYPES[type_] = cls
    return cls


def event(topic: Topic, type_: str, *, key: str, subject: str | None = None) -> Callable[[type[E]], type[E]]:
    """Declare a class as the fact `type_` ("noun.past_tense.vN") on `topic`, partitioned by the field `key`.

    The field `subject` (a word of few values) also travels as the header ce_subject: a consumer that wants some values
    only does not decode the others.
    """

    def declare(cls: type[E]) -> type[E]:
        return _declare(cls, topic, type_, key, subject)

    return declare


def event_id(subject: UUID, stage: str) -> UUID:
    """The one id of a fact: UUIDv5 of what it is about and the stage, e.g. (message id, "funded")."""
    return uuid5(subject, stage)
