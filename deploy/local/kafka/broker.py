"""One Apache Kafka 4.4 broker in KRaft mode: configured, formatted, started, asked whether it really works."""

import base64
import os
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.child import Command
from deploy.local.errors import StackError
from deploy.local.kafka import classes
from deploy.local.paths import KAFKA_FILES, KAFKA_JARS
from deploy.local.waiting import blocking

OLDEST_JAVA = 17
JAVA_OPTIONS = ("-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
                "-Duser.timezone=UTC")  # fmt: skip
READY_TIMEOUT_MS = 3000
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{further}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
log.dirs={data}
# The broker stands alone: every record is on the disk before it is acknowledged.
log.flush.interval.messages=1
# Internal topics default to three replicas: on one node they would never be created.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=10
default.replication.factor=1
min.insync.replicas=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
background.threads=4
# After a kill -9 the broker reads the last segment of every partition, and all that are newer than its last note.
num.recovery.threads.per.data.dir=2
log.segment.bytes=16777216
log.flush.offset.checkpoint.interval.ms=10000
log.cleaner.threads=1
# The default of 128 MiB is taken from the heap at start: out of memory with a small one.
log.cleaner.dedupe.buffer.size=16777216
# A flush also writes the index, where it has grown: an entry for every few batches is enough.
log.index.interval.bytes=32768
log.retention.hours=168
# A broker killed with -9 may not register again until its old session has ended.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# An idle controller writes to the disk for the sake of one metric: twice a second by default.
metadata.max.idle.interval.ms=10000
"""


def java() -> str:
    """Return the Java to run the broker with, or say what to install."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None) or shutil.which("java")
    if found is None:
        raise StackError("Java is missing: apt-get install default-jre-headless (17 or newer).")
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise StackError(f"{found} is too old: Kafka needs Java {OLDEST_JAVA} (apt-get install default-jre-headless).")
    return found


@dataclass
class Kafka:
    """The broker of one stack."""

    directory: Path  # of the broker: configuration and data
    log: Path
    port: int
    controller_port: int
    listeners: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # further ones: own port, advertised port

    @property
    def bootstrap(self) -> str:
        """Return the address for clients."""
        return f"127.0.0.1:{self.port}"

    def initialise(self) -> None:
        """Write the configuration and format the data directory, unless that is done."""
        if not any(KAFKA_JARS.glob("kafka_*.jar")):
            raise StackError("Kafka's jars are missing: run `make up` or `make test`, which fetch them with Maven.")
        data = (self.directory / "data").resolve()
        data.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(self.configuration(data))
        if not (data / "meta.properties").exists():
            self._format()
        if not self._classes.exists():
            classes.make(self._classes, [*self._java(), "kafka.Kafka", str(self._properties)], self.ready)

    def configuration(self, data: Path) -> str:
        """Return server.properties."""
        further = {name.upper(): ports for name, ports in self.listeners.items()}
        return PROPERTIES.format(
            port=self.port,
            controller=self.controller_port,
            data=data,
            further="".join(f",{name}://127.0.0.1:{own}" for name, (own, _) in further.items()),
            advertised="".join(f",{name}://127.0.0.1:{told}" for name, (_, told) in further.items()),
            protocols="".join(f",{name}:PLAINTEXT" for name in further),
        )

    def _format(self) -> None:
        argv = [*self._java(), "kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted",
                "-t", _cluster_id(), "-c", str(self._properties)]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"Kafka could not format its storage:\n{done.stdout}{done.stderr}")

    def command(self) -> Command:
        """Return how to run the broker."""
        return Command(
            name="kafka",
            argv=[*self._java(*classes.use(self._classes)), "kafka.Kafka", str(self._properties)],
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            directory=self.directory,
            log=self.log,
        )

    @property
    def _properties(self) -> Path:
        return self.directory.resolve() / "server.properties"

    @cached_property
    def _classes(self) -> Path:
        return classes.archive(java(), KAFKA_JARS)

    def _java(self, *options: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={KAFKA_FILES / 'log4j2.xml'}"
        return [java(), *JAVA_OPTIONS, *options, logging, "-cp", f"{KAFKA_JARS}/*"]

    def ready(self) -> bool:
        """Say whether the broker answers with metadata and has a coordinator for groups (the first takes seconds)."""
        return self._listens() and blocking(_answers(self.bootstrap))

    def _listens(self) -> bool:
        """A closed port is no reason to bother the client, which would log every attempt."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


async def _answers(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=READY_TIMEOUT_MS)
    try:
        await client.start()
        await client.list_topics()
        coordinator = await client.find_coordinator("vestnik.ready")
        await client.list_consumer_group_offsets("vestnik.ready", group_coordinator_id=coordinator)
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


def _cluster_id() -> str:
    """Return a random id in Kafka's alphabet; one that begins with '-' would be taken for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return text
