"""Puts leaks of its own, written by hand, into each kind of place, and takes them away again."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.e2e.harness.waiting import eventually

TOPIC = "planted_leaks"
PARTITIONS = 3  # for leaks in values, in keys, and in headers
BINARY = ("planted_bytes", "planted_list")
TABLE_COLUMNS = {"planted_text": "text", "planted_json": "jsonb", "planted_bytes": "bytea", "planted_list": "bytea[]"}
LOG = "log/planted.log"


def leaks_of(said: str, number: str) -> dict[str, bytes]:
    """The forms that the issue names, and some more, of words and of a phone number; made without forms.py."""
    raw, digits = said.encode(), number.removeprefix("+")
    spaced = f"8 ({digits[1:4]}) {digits[4:7]}-{digits[7:9]}-{digits[9:]}"
    found = {
        "words as they are": raw,
        "words escaped": json.dumps(said).encode(),
        "words escaped in capitals": re.sub(
            r"(?<=\\u)[0-9a-f]{4}", lambda digits: digits[0].upper(), json.dumps(said)
        ).encode(),
        "words in UTF-16": said.encode("utf-16"),
        "words in UTF-16, big end first": said.encode("utf-16-be"),
        "words in hex": raw.hex().encode(),
        "words in hex capitals": raw.hex().upper().encode(),
        "words in a URL": quote(said).encode(),
        "words in a Python repr": repr(raw).encode(),
        "number as it is": number.encode(),
        "number without plus": digits.encode(),
        "number as dialled at home": f"8{digits[1:]}".encode(),
        "number with spaces": spaced.encode(),
        "number in JSON in base64": base64.b64encode(json.dumps({"wa_id": digits}).encode()),
        "number in UTF-16": number.encode("utf-16-le"),
        "number in hex": digits.encode().hex().encode(),
    }
    for shift in range(3):
        found[f"words in base64, shifted by {shift}"] = base64.b64encode(b"." * shift + raw + b"...")
        found[f"words in base64url, shifted by {shift}"] = base64.urlsafe_b64encode(b"?" * shift + raw)
        found[f"number in base64, shifted by {shift}"] = base64.b64encode(b"." * shift + digits.encode() + b"...")
    for kind in ("sha256", "md5", "sha1"):
        for what, content in (("words", raw), ("number", number.encode()), ("number without plus", digits.encode())):
            digest = hashlib.new(kind, content).digest()
            found[f"{kind} of {what}"] = digest
            found[f"{kind} of {what} in hex"] = digest.hex().encode()
            found[f"{kind} of {what} in hex capitals"] = digest.hex().upper().encode()
            found[f"{kind} of {what} in base64"] = base64.b64encode(digest)
            found[f"{kind} of {what} in base64url"] = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return found


def text_of(leak: bytes) -> str | None:
    """The leak as a text column could hold it."""
    try:
        return None if b"\0" in leak else leak.decode()
    except UnicodeDecodeError:
        return None


def places_of(leak: bytes) -> list[str]:
    """Where `planted` puts a leak; only what is text fits into a column for text."""
    tables = [table for table in TABLE_COLUMNS if table in BINARY or text_of(leak) is not None]
    return [
        *(f"topic {TOPIC}[{partition}]" for partition in range(PARTITIONS)),
        *(f"table gateway.public.{table}" for table in tables),
        f"file {LOG}",
    ]


@asynccontextmanager
async def planted(
    leaks: Mapping[str, bytes], *, bootstrap_servers: str, dsn: str, directory: Path
) -> AsyncIterator[None]:
    """Every leak in a topic's values, keys and headers, in columns of every type, and in a log, inside the block."""
    await _into_topic(leaks, bootstrap_servers)
    connection = await asyncpg.connect(dsn)
    (directory / LOG).write_bytes(b"".join(b'{"event": "' + leak + b'"}\n' for leak in leaks.values()))
    try:
        await _into_tables(connection, leaks)
        yield
    finally:
        (directory / LOG).unlink()
        for table in TABLE_COLUMNS:
            await connection.execute(f"drop table if exists {table}")
        await connection.close()
        await _drop_topic(bootstrap_servers)


async def _into_topic(leaks: Mapping[str, bytes], bootstrap_servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, compression_type="gzip")
    await producer.start()
    try:
        await eventually(lambda: producer.partitions_for(TOPIC), "the topic is there")
        for leak in leaks.values():
            framed = b'{"name":"' + leak + b'"}'
            await producer.send(TOPIC, framed, partition=0)
            await producer.send(TOPIC, b"{}", key=framed, partition=1)
            await producer.send(TOPIC, b"{}", headers=[("ce_id", framed)], partition=2)
        await producer.flush()
    finally:
        await producer.stop()


async def _drop_topic(bootstrap_servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([TOPIC])
    finally:
        await admin.close()


async def _into_tables(connection: asyncpg.Connection, leaks: Mapping[str, bytes]) -> None:
    for table, kind in TABLE_COLUMNS.items():
        await connection.execute(f"create table {table} (id int, content {kind})")
    for leak in leaks.values():
        await connection.execute("insert into planted_bytes values (1, $1)", leak)
        await connection.execute(
            "insert into planted_list values (1, array[$1::bytea, $2])", b"", b"\x01" + leak + b"\xff"
        )
        if (words := text_of(leak)) is not None:
            await connection.execute("insert into planted_text values (1, $1)", f"name={words}")
            await connection.execute("insert into planted_json values (1, $1)", json.dumps({"name": [words]}))
