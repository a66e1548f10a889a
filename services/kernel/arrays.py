"""Arrays in PostgreSQL's binary form (hot path): asyncpg asks each element of each array whether it is a container."""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple

import asyncpg

from services.kernel.identifiers import uuid_of

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)

_HEAD = Struct(">iiiii")  # dimensions, flags, the elements' type, how many, the number of the first
_LENGTH = Struct(">i")
_NULL = _LENGTH.pack(-1)
_UUID_LENGTH = _LENGTH.pack(16)

Write = Callable[[Collection[Any]], list[bytes]]  # elements, each with its length before it
Read = Callable[[bytes], Any]  # one element without its length


class _Array(NamedTuple):
    name: str
    oid: int
    element_oid: int
    write: Write
    read: Read

    def encode(self, values: Collection[Any]) -> bytes:
        if isinstance(values, str | bytes | dict):
            raise TypeError(f"{self.name} takes a list")
        return _HEAD.pack(1, 0, self.element_oid, len(values), 1) + b"".join(self.write(values))

    def decode(self, data: bytes) -> list[Any]:
        if not (dimensions := _LENGTH.unpack_from(data)[0]):
            return []
        if dimensions > 1:
            raise ValueError(f"{self.name} has {dimensions} dimensions")
        values, place = [], _HEAD.size
        for _ in range(_HEAD.unpack_from(data)[3]):
            start = place + _LENGTH.size
            length = _LENGTH.unpack_from(data, place)[0]
            place = start + max(length, 0)
            values.append(None if length < 0 else self.read(data[start:place]))
        return values


class ArrayConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection that takes and gives arrays without asyncpg's help."""

    __slots__ = ()

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        settings = self._protocol.get_settings()
        for array in _ARRAYS:  # what `set_type_codec` does for other types, and refuses for arrays
            settings.add_python_codec(
                array.oid, array.name, "pg_catalog", [], "scalar", array.encode, array.decode, "binary"
            )


def _write_uuids(values: Collection[Any]) -> list[bytes]:
    return [_NULL if value is None else _UUID_LENGTH + value.int.to_bytes(16, "big") for value in values]


def _write_texts(values: Collection[Any]) -> list[bytes]:
    pack = _LENGTH.pack
    return [_NULL if value is None else pack(len(data := value.encode())) + data for value in values]


def _write_bytes(values: Collection[Any]) -> list[bytes]:
    pack = _LENGTH.pack
    return [_NULL if value is None else pack(len(value)) + value for value in values]


def _numbers(format_: str) -> tuple[Write, Read]:
    element, pack = Struct(f">{format_}"), Struct(f">i{format_}").pack

    def write(values: Collection[Any]) -> list[bytes]:
        return [_NULL if value is None else pack(element.size, value) for value in values]

    return write, lambda data: element.unpack(data)[0]


def _converted(
    numbers: tuple[Write, Read], number_of: Callable[[Any], int], of_number: Callable[[int], Any]
) -> tuple[Write, Read]:
    write_numbers, read_number = numbers

    def write(values: Collection[Any]) -> list[bytes]:
        return write_numbers([None if value is None else number_of(value) for value in values])

    return write, lambda data: of_number(read_number(data))


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


_ARRAYS = (
    _Array("uuid[]", 2951, 2950, _write_uuids, uuid_of),
    _Array("text[]", 1009, 25, _write_texts, bytes.decode),
    _Array("bytea[]", 1001, 17, _write_bytes, bytes),
    _Array("boolean[]", 1000, 16, *_numbers("?")),
    _Array("smallint[]", 1005, 21, *_numbers("h")),
    _Array("integer[]", 1007, 23, *_numbers("i")),
    _Array("bigint[]", 1016, 20, *_numbers("q")),
    _Array("double precision[]", 1022, 701, *_numbers("d")),
    _Array(
        "timestamptz[]",
        1185,
        1184,
        *_converted(_numbers("q"), _microseconds, lambda number: _EPOCH + number * _MICROSECOND),
    ),
    _Array(
        "date[]",
        1182,
        1082,
        *_converted(
            _numbers("i"),
            lambda day: day.toordinal() - _EPOCH_DAY,
            lambda number: date.fromordinal(number + _EPOCH_DAY),
        ),
    ),
)
