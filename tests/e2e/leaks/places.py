"""Reads everything that a stack keeps: every record of every topic, every cell of every table, every file."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

ROWS_MAX = 2_000  # fetched at once
FETCH_MS = 500
PART_BYTES_MAX = 64 << 20
SEPARATOR = b"\n\x1e\n"  # keeps two values apart, so that nothing is found across them


class Piece(NamedTuple):
    """Some of what stands at a place."""

    place: str
    content: bytes


async def topics(bootstrap_servers: str) -> AsyncIterator[Piece]:
    """Every topic of the broker, its own included: all partitions, keys, values and headers, unpacked."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = sorted(await admin.list_topics())
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    places = [TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]]
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await reader.start()
    try:
        async for piece in _records(reader, places):
            yield piece
    finally:
        await reader.stop()


async def _records(reader: Any, places: Sequence[TopicPartition]) -> AsyncIterator[Piece]:
    reader.assign(places)
    await reader.seek_to_beginning(*places)
    ends = await reader.end_offsets(places)
    left = {place for place in places if ends[place] > await reader.position(place)}
    reader.pause(*(place for place in places if place not in left))
    while left:
        for place, records in (await reader.getmany(*left, timeout_ms=FETCH_MS)).items():
            yield Piece(f"topic {place.topic}[{place.partition}]", SEPARATOR.join(map(_record, records)))
        left = {place for place in left if await reader.position(place) < ends[place]}


def _record(record: Any) -> bytes:
    headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return SEPARATOR.join([record.key or b"", record.value or b"", *headers])


_TABLES = """
select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
 order by 1, 2
"""
_COLUMNS = """
select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a
 where a.attrelid = ($1 || '.' || $2)::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""


async def tables(dsn: str, database: str) -> AsyncIterator[Piece]:
    """Every table of one database (partitions are tables): binary columns as their bytes, all others as text."""
    connection = await asyncpg.connect(dsn)
    try:
        for table in await connection.fetch(_TABLES):
            async for piece in _rows(connection, database, table["schema"], table["name"]):
                yield piece
    finally:
        await connection.close()


async def _rows(connection: Any, database: str, schema: str, table: str) -> AsyncIterator[Piece]:
    quoted = [f'"{part}"' for part in (schema, table)]
    columns = await connection.fetch(_COLUMNS, *quoted)
    wanted = [
        f'"{column["name"]}"' if column["type"].startswith("bytea") else f'"{column["name"]}"::text'
        for column in columns
    ]
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.cursor(f"select {', '.join(wanted)} from {'.'.join(quoted)}")
        while found := await rows.fetch(ROWS_MAX):
            cells = [_cell(value) for row in found for value in row]
            yield Piece(f"table {database}.{schema}.{table}", SEPARATOR.join(cells))


def _cell(value: Any) -> bytes:
    if isinstance(value, list):
        return SEPARATOR.join(map(_cell, value))
    if isinstance(value, str):
        return value.encode()
    return value or b""


def files(directory: Path, *, left_out: Sequence[str]) -> Iterator[Piece]:
    """Every file under a directory; `left_out` are paths relative to it, files or whole folders."""
    excluded = [directory / name for name in left_out]
    for path in sorted(directory.rglob("*")):
        is_excluded = any(path == other or other in path.parents for other in excluded)
        if path.is_file() and not path.is_symlink() and not is_excluded:
            for content in _written(path):
                yield Piece(f"file {path.relative_to(directory)}", content)


def _written(path: Path) -> Iterator[bytes]:
    """The parts of a file that were ever written: Kafka's indexes are mostly holes."""
    with path.open("rb") as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        while at < end:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # nothing but a hole is left
            at = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), start + PART_BYTES_MAX)
            if content := os.pread(file.fileno(), at - start, start).rstrip(b"\0"):
                yield content


async def pages(urls: dict[str, str]) -> AsyncIterator[Piece]:
    """What processes show to anybody who asks: their metrics and their readiness."""
    async with aiohttp.ClientSession() as session:
        for name, url in urls.items():
            async with session.get(url) as answer:
                yield Piece(f"page {name}", await answer.read())
