"""PostgreSQL and Kafka of one stack, started side by side."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local import logs
from deploy.local.environment import Facts
from deploy.local.kafka.broker import Kafka
from deploy.local.postgres import Postgres
from deploy.local.supervisor import Supervisor
from deploy.local.waiting import wait_until

READY_SECONDS = 60.0


class Infrastructure:
    """The two servers that every service needs."""

    def __init__(self, facts: Facts, postgres_settings: Mapping[str, str], kafka_listeners: Sequence[str]) -> None:
        directory, ports = facts.directory, facts.ports
        self.postgres = Postgres(directory=directory, log=log_file(directory, "postgres"), port=ports["postgres"],
                                 passwords=facts.secrets.passwords, settings=postgres_settings)  # fmt: skip
        listeners = {name: (ports[f"kafka-{name}"], ports[f"kafka-{name}-proxy"]) for name in kafka_listeners}
        self.kafka = Kafka(directory=directory / "kafka", log=log_file(directory, "kafka"), port=ports["kafka"],
                           controller_port=ports["kafka-controller"], listeners=listeners)  # fmt: skip

    def start(self, supervisor: Supervisor, ending: threading.Event) -> None:
        """Start both and return when both really work; when one cannot start or `ending` is set, give up on both."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            starting = [pool.submit(work, supervisor, ending) for work in (self._start_postgres, self._start_kafka)]
            try:
                for started in starting:
                    started.result()
            except BaseException:
                ending.set()  # the pool waits for its threads: let the other one give up as well
                raise

    def _start_postgres(self, supervisor: Supervisor, ending: threading.Event) -> None:
        self.postgres.initialise()
        supervisor.start(self.postgres.command())
        _wait(self.postgres.ready, "postgres", self.postgres.log, ending)
        self.postgres.create_databases()

    def _start_kafka(self, supervisor: Supervisor, ending: threading.Event) -> None:
        self.kafka.initialise()
        supervisor.start(self.kafka.command())
        _wait(self.kafka.ready, "kafka", self.kafka.log, ending)


def log_file(directory: Path, name: str) -> Path:
    """Return the log file of a process."""
    return directory / "log" / f"{name}.log"


def _wait(ready: Callable[[], bool], name: str, log: Path, ending: threading.Event) -> None:
    wait_until(ready, seconds=READY_SECONDS, what=f"{name} did not become ready", ending=ending,
               detail=lambda: f"The end of {log}:\n{logs.tail(log)}")  # fmt: skip
