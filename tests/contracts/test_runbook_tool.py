"""The operator's Kafka tool of docs/runbooks does on the real broker what the runbooks promise."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, cloud_headers
from tests.fixtures.infrastructure import Infrastructure

TOOL = Path("docs/runbooks/kafka_tool.py")
# A kind that no consumer knows: the records of this test are ignored everywhere else.
KIND = "weather.changed.v1"


async def test_a_dead_letter_is_listed_and_published_again_without_its_origin(
    infrastructure: Infrastructure, publisher: Publisher
) -> None:
    marker = str(uuid4())
    await publisher.send([_letter(marker)])
    (line,) = [line for line in _run(infrastructure, "list", "charges").splitlines() if marker in line]
    assert '"dead_error": "ValueError"' in line
    assert "secret contents" not in line
    offset = line.split()[0]
    assert f"published again: {offset}" in _run(infrastructure, "replay", "charges", offset)


async def test_a_group_without_members_is_set_to_the_oldest_records(infrastructure: Infrastructure) -> None:
    printed = _run(infrastructure, "rewind", f"test.{uuid4()}", "charges")
    assert printed.count(":") == infrastructure.kafka.partitions


def test_what_the_tool_does_not_understand_gets_the_usage() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "replay", "charges"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "replay TOPIC OFFSET" in done.stderr


def _letter(marker: str) -> Record:
    origin = {"dead_topic": "charges", "dead_partition": "0", "dead_offset": "7", "dead_error": "ValueError"}
    headers = cloud_headers(type_=KIND, id_=marker, owner="billing")
    return Record(
        topic="charges.dead",
        key=b"k",
        value=b'{"text": "secret contents"}',
        headers=(*headers, *((name, value.encode()) for name, value in origin.items())),
    )


def _run(infrastructure: Infrastructure, *arguments: str) -> str:
    environment = {**os.environ, "KAFKA__BOOTSTRAP_SERVERS": infrastructure.kafka.bootstrap_servers}
    done = subprocess.run(
        [sys.executable, str(TOOL), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
