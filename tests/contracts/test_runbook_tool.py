"""The operator's Kafka tool of docs/runbooks does on the real broker what the runbooks promise."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

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
    printed = _run(infrastructure, "rewind", f"test.{uuid4()}", "messages")
    assert printed.count(":") == infrastructure.kafka.partitions


def test_what_the_tool_does_not_understand_gets_the_usage() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "replay", "charges"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "replay TOPIC OFFSET" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("list", "chargse"), "there is no topic chargse.dead; there are: "),
        (("rewind", "a.group", "chargse"), "there is no topic chargse; there are: "),
        (("replay", "charges", "999999"), "charges.dead has no 999999: nothing was published"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    infrastructure: Infrastructure, arguments: tuple[str, ...], why: str
) -> None:
    done = _ask(arguments, infrastructure.kafka.bootstrap_servers)
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {why}")


def test_a_kafka_that_does_not_answer_is_said_in_a_line() -> None:
    done = _ask(("list", "charges"), "127.0.0.1:1")
    assert done.returncode == 1
    assert "✗ Kafka does not answer" in done.stderr
    assert "Traceback" not in done.stderr


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
    done = _ask(arguments, infrastructure.kafka.bootstrap_servers)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _ask(arguments: Sequence[str], kafka: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KAFKA__BOOTSTRAP_SERVERS": kafka}
    return subprocess.run(
        [sys.executable, str(TOOL), *arguments], env=environment, capture_output=True, text=True, check=False
    )
