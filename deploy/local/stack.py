"""One complete stack in one directory: PostgreSQL, Kafka, every service, in the order they need each other."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local import documents, environment, logs, ports, processes, secrets, staff
from deploy.local.child import Command
from deploy.local.environment import Facts
from deploy.local.errors import StackError
from deploy.local.infrastructure import Infrastructure, log_file
from deploy.local.paths import REPOSITORY
from deploy.local.readiness import unready
from deploy.local.supervisor import Supervisor

READY_SECONDS = 90.0
HOPELESS_RESTARTS = 5  # a process that dies this often while the stack starts will not become ready
COMMAND_SECONDS = 120.0
Report = Callable[[str], None]
# Makes tenants once the services are ready; what it returns is kept in seed.json and joins stack.json.
Seed = Callable[["Stack"], Mapping[str, Any]]


class Stack:
    """A stack that this process owns: it lives from start() to stop(), or inside `with`.

    `services` are the processes to run besides PostgreSQL and Kafka (none: bare infrastructure), `copies` says how
    many of each, `overrides` adds environment variables by process name ("*" is every process). `kafka_listeners` are
    further ones: who connects to port `kafka-NAME` is sent on to port `kafka-NAME-proxy`, where a proxy must be.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        services: Sequence[str] = processes.SERVICES,
        copies: Mapping[str, int] | None = None,
        overrides: Mapping[str, Mapping[str, str]] | None = None,
        kafka_listeners: Sequence[str] = (),
        postgres_settings: Mapping[str, str] | None = None,
        wanted_ports: Mapping[str, int] | None = None,
        seed: Seed | None = None,
        report: Report = lambda _step: None,
    ) -> None:
        self.directory = Path(directory).resolve()
        self.names = processes.names(services, copies or {})
        self.overrides = dict(overrides or {})
        self.kafka_listeners = kafka_listeners
        self._postgres_settings = postgres_settings or {}
        self._wanted_ports = wanted_ports or {}
        self._seed = seed
        self.report = report
        self._ready = False
        self._ending = threading.Event()
        self.supervisor = Supervisor(self.directory, on_change=self._changed)

    @classmethod
    def running_in(cls, directory: Path | str) -> Self:
        """Return a view of a stack that another process runs: for its addresses, not for starting it."""
        stack = cls(directory, services=())
        chosen = documents.read(stack.directory / "ports.json")
        if chosen is None:
            raise StackError(f"There is no stack in {directory}: `make up` starts one.")
        stack.facts = Facts(directory=stack.directory, ports=chosen, secrets=secrets.load(stack.directory))
        return stack

    # --- what a stack knows -------------------------------------------------------------------------------------

    @cached_property
    def facts(self) -> Facts:
        """Choose ports and load or make the secrets; known before start(), so that a test can put a proxy between."""
        self.directory.mkdir(parents=True, exist_ok=True)
        wanted = {**ports.preferred_again(self.directory), **self._wanted_ports}
        chosen = ports.choose(self._port_names(), wanted, ports.block(self.directory))
        documents.write(self.directory / "ports.json", chosen)
        return Facts(directory=self.directory, ports=chosen, secrets=secrets.load(self.directory))

    def _port_names(self) -> list[str]:
        needed = [*processes.INFRASTRUCTURE, "kafka-controller", *processes.SERVICES, *self.names]
        needed += [port for name in self.kafka_listeners for port in (f"kafka-{name}", f"kafka-{name}-proxy")]
        return list(dict.fromkeys(needed))

    @cached_property
    def infrastructure(self) -> Infrastructure:
        """Return PostgreSQL and Kafka."""
        return Infrastructure(self.facts, self._postgres_settings, self.kafka_listeners)

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return log_file(self.directory, name)

    def url(self, service: str) -> str:
        """Return the base URL of a service's API."""
        return self.facts.url(service)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment a process is started with."""
        base = environment.of_process(name, self.facts)
        for key in ("*", processes.base(name), name):
            base |= self.overrides.get(key, {})
        return base

    @property
    def processes(self) -> list[dict[str, Any]]:
        """Return name, pid and restarts of every process."""
        children = self.supervisor.children
        started = [children[name] for name in (*processes.INFRASTRUCTURE, *self.names) if name in children]
        return [{"name": child.name, "pid": child.pid, "restarts": child.restarts} for child in started]

    @property
    def seeded(self) -> Mapping[str, Any]:
        """Return what the seed made: tenant, other_tenant."""
        return documents.read(self.directory / "seed.json") or {}

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and return when every process says it is ready; on failure stop what was started."""
        self.supervisor.open()
        self._ending.clear()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.report("choosing ports and keys")
        if why := self.infrastructure.postgres.place[1]:
            self.report(why)
        self.report("starting PostgreSQL and Kafka")
        self.infrastructure.start(self.supervisor, self._ending)
        if self.names:
            self._prepare_services()
            self.report(f"starting {len(self.names)} service processes")
            for name in self.names:
                self.supervisor.start(self._service(name))
            self.wait_ready()
        if self._seed and not self.seeded:
            self.report("creating the demo tenants")
            documents.write(self.directory / "seed.json", dict(self._seed(self)), mode=0o600)
        self._ready = True
        self._changed()

    def _prepare_services(self) -> None:
        """Create the topics and migrate the databases: once, before any service starts."""
        self.report("creating topics and migrating the databases")
        jobs = {"services.kernel.kafka.admin": environment.of_topics(self.facts)}
        for service in processes.MIGRATED:
            jobs[f"services.{service}.migrate"] = environment.of_migration(service, self.facts)
        with ThreadPoolExecutor(max_workers=2) as pool:
            for done in [pool.submit(self._run, module, values) for module, values in jobs.items()]:
                done.result()

    def _run(self, module: str, values: Mapping[str, str]) -> None:
        log = self.log(module)
        with os.fdopen(logs.open_for_child(log), "wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", module], env=dict(values), cwd=REPOSITORY, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, check=False, timeout=COMMAND_SECONDS,
            )  # fmt: skip
        if done.returncode != 0:
            raise StackError(f"python -m {module} failed. The end of {log}:\n{logs.tail(log, lines=5)}")

    def _service(self, name: str) -> Command:
        module = processes.MODULES[processes.base(name)]
        argv = [*processes.priority(name), sys.executable, "-m", module]
        return Command(name=name, argv=argv, environment=self.environment(name),
                       directory=REPOSITORY, log=self.log(name))  # fmt: skip

    def stop(self) -> None:
        """Stop everything in reverse order; safe to repeat."""
        if not self.supervisor.holding:
            return
        self._ready = False
        (self.directory / "stack.json").unlink(missing_ok=True)
        self.supervisor.close([list(reversed(self.names)), ["kafka"], ["postgres"]])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # --- what tests, benches and chaos do to it -----------------------------------------------------------------

    def ready(self) -> bool:
        """Say whether every service answers /readyz with 200."""
        return not self.unready()

    def unready(self) -> dict[str, str]:
        """Return the services that are not ready, and why."""
        return unready({name: self.facts.ports[name] for name in self.names})

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every service is ready; say which are not and what their logs end with."""
        deadline = time.monotonic() + seconds
        died_before = {child.name: child.restarts for child in self.supervisor.children.values()}
        while left := self.unready():
            hopeless = [name for name in left if self._restarts(name) - died_before[name] >= HOPELESS_RESTARTS]
            if hopeless or time.monotonic() > deadline:
                raise StackError(self._why({name: left[name] for name in hopeless or left}))
            time.sleep(0.2)

    def _restarts(self, name: str) -> int:
        return self.supervisor.children[name].restarts

    def _why(self, problems: Mapping[str, str]) -> str:
        ends = [f"--- {name}: {why}\n{logs.tail(self.log(name))}" for name, why in problems.items()]
        return f"Not ready: {', '.join(problems)}\n" + "\n".join(ends)

    def kill(self, name: str, signal_number: int) -> int:
        """Send a signal to a process and return the pid it went to; the supervisor brings a dead one back."""
        child = self.supervisor.children[name]
        pid = child.pid
        child.signal(signal_number)
        return pid

    def hold(self, name: str) -> None:
        """Stop one process and keep it stopped."""
        self.supervisor.stop([name])

    def release(self, name: str) -> None:
        """Start a held process again."""
        self.supervisor.start(self.supervisor.children[name].command)
        self._changed()

    def add(self, name: str) -> str:
        """Start one more copy of a process and return its name."""
        number = sum(processes.base(each) == name for each in self.names) + 1
        added = f"{name}-{number}"
        self.facts = self._with_port(added)
        self.names.append(added)
        self.supervisor.start(self._service(added))
        self._changed()
        return added

    def remove(self, name: str) -> None:
        """Ask a copy that was added to end, and forget it."""
        self.names.remove(name)
        self.supervisor.stop([name])
        self._changed()

    def _with_port(self, name: str) -> Facts:
        taken = self.facts.ports
        start = max(taken.values()) + 1
        return Facts(self.directory, {**taken, **ports.choose([name], {}, start)}, self.facts.secrets)

    # --- stack.json ---------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Return stack.json: everything a driver may rely on."""
        facts = self.facts
        urls = {processes.service(name): self.url(processes.service(name)) for name in self.names}
        return {
            **urls,
            "kafka": self.infrastructure.kafka.bootstrap,
            "postgres": {name: self.infrastructure.postgres.dsn(name, name) for name in secrets.DATABASES},
            "webhook_path": environment.WEBHOOK_PATH,
            **self.seeded,
            "meta": {"app_secret": facts.secrets.app_secret, "verify_token": facts.secrets.verify_token},
            "staff_token": staff.token(facts.secrets),
            "processes": self.processes,
        }

    def _changed(self) -> None:
        if self._ready:
            documents.write(self.directory / "stack.json", self.describe(), mode=0o600)
