"""One running process: its resources, its background tasks, its readiness, and a clean end."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import uvicorn
from starlette.types import ASGIApp

from services.kernel import logging, metrics, migrate
from services.kernel.crypto import unb64url
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS
from services.kernel.kafka.consumer import Consumer
from services.kernel.kafka.loop import ConsumerLoop
from services.kernel.kafka.publisher import DELIVERY_TIMEOUT_SECONDS, Publisher
from services.kernel.server import GuardedHttp
from services.kernel.settings import ProcessSettings, ServiceSettings
from services.kernel.tenants import TenantDirectory
from services.kernel.tokens import TokenIssuer, TokenVerifier

# Meta, tenants and Prometheus reuse connections; the default of 5 s closes them under them.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2_048
STOP_SECONDS = 10
CHECK_TIMEOUT_SECONDS = 2.0
# Objects before a collection of the youngest, and how many of each before one of the next generation: a request or a
# batch leaves few cycles, and some megabytes of them may wait.
COLLECTION_THRESHOLDS = (10_000, 20, 20)

Check = Callable[[], Awaitable[str | None]]
Task = Callable[[asyncio.Event], Awaitable[None]]
S = TypeVar("S", bound=ProcessSettings)
T = TypeVar("T", bound=ServiceSettings)


class Process(Generic[S]):
    """What a service's `build` puts together; a failing task ends the process, which the supervisor restarts."""

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.resources = AsyncExitStack()
        self._checks: dict[str, Check] = {}
        self._tasks: dict[str, Task] = {}

    def check(self, name: str, check: Check) -> None:
        """Readiness: `check` returns None, or a sentence about what is missing."""
        self._checks[name] = check

    def task(self, name: str, task: Task) -> None:
        """Background work that runs until the stop event it is given."""
        self._tasks[name] = task

    async def not_ready(self) -> dict[str, str]:
        """What keeps this process from its work: {check: reason}; empty when ready."""
        names = list(self._checks)
        reasons = await asyncio.gather(*(self._ask(self._checks[name]) for name in names))
        return {name: reason for name, reason in zip(names, reasons, strict=True) if reason}

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                return await check()
        except DEPENDENCY_ERRORS as error:  # OSError includes TimeoutError
            return f"no answer ({type(error).__name__})"

    async def serve(self, build: Callable[[], Awaitable[ASGIApp]]) -> None:
        """Build, run until SIGTERM or SIGINT, drain, close."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with self.resources:
            server = _Server(self._configure(await build()))
            _settle_garbage_collector()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._run_server(server, stop))
                for name, task in self._tasks.items():
                    group.create_task(self._run_task(name, task, stop), name=name)
                probe = group.create_task(metrics.probe_event_loop())
                await stop.wait()
                probe.cancel()

    async def _run_server(self, server: uvicorn.Server, stop: asyncio.Event) -> None:
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving
        if not stop.is_set():
            raise RuntimeError("the HTTP server ended by itself")

    async def _run_task(self, name: str, task: Task, stop: asyncio.Event) -> None:
        try:
            await task(stop)
        except asyncio.CancelledError:
            if stop.is_set() or _is_asked_to_end():
                raise
            # A library cancelled what the task waited for, and a group takes no notice of a task that ends so.
            raise RuntimeError(f"the task {name} was cut off") from None
        if not stop.is_set():
            raise RuntimeError(f"the task {name} ended by itself")

    def _configure(self, app: ASGIApp) -> uvicorn.Config:
        http = self.settings.http
        return uvicorn.Config(
            app,
            host=http.host,
            port=http.port,
            loop="uvloop",
            http=GuardedHttp,
            proxy_headers=False,  # uvicorn believes whoever calls from 127.0.0.1; see kernel/proxies.py
            access_log=False,  # a query may hold a phone number
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=BACKLOG,
            lifespan="off",
        )


def _is_asked_to_end() -> bool:
    """Whether somebody cancelled this very task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class ServiceProcess(Process[T], Generic[T]):
    """A process with the service's database, broker and tokens."""

    def __init__(self, settings: T) -> None:
        super().__init__(settings)
        self._directory: TenantDirectory | None = None
        self.service = settings.process_name.partition("-")[0]
        internal = settings.internal
        self.issuer = TokenIssuer(self.service, unb64url(internal.private_key.get_secret_value()))
        self.verifier = TokenVerifier(internal.public_keys, audience=self.service)

    async def open_database(self, migrations: Path, *, keeps_plans: bool = False) -> Database:
        """The service's pool; refuses a schema older than the newest migration of this build.

        `keeps_plans` is for workers, whose statements all probe indexes (`Database`).
        """
        name = self.settings.process_name
        database = Database(self.settings.database, application_name=name, keeps_plans=keeps_plans)
        self.resources.push_async_callback(database.close)
        await database.require_schema(migrate.newest_revision(migrations))

        async def check() -> str | None:
            await database.check()
            return None

        self.check("database", check)
        return database

    def open_publisher(self, *, delivery_timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS) -> Publisher:
        """The process's producer, which needs no broker yet; a send fails when it is not acknowledged in this time."""
        name, kafka = self.settings.process_name, self.settings.kafka
        publisher = Publisher(kafka, client_id=name, delivery_timeout_seconds=delivery_timeout_seconds)
        publisher.start()
        self.resources.push_async_callback(publisher.stop)

        async def check() -> str | None:
            return None if await publisher.can_reach_broker() else "the broker does not answer"

        self.check("broker", check)
        return publisher

    def open_directory(self, private_key: bytes) -> TenantDirectory:
        """The tenants, read in the background; not ready before the end of the topic."""
        directory = TenantDirectory(self.settings.kafka, service=self.service, private_key=private_key)
        self._directory = directory
        self.task("tenants", directory.run)

        async def check() -> str | None:
            return None if directory.is_ready else "the topic tenants is not read to its end"

        self.check("tenants", check)
        return directory

    def consume(self, consumer: Consumer, database: Database, publisher: Publisher) -> None:
        """Run a declared consumer in this process, once the tenants are known (where it asks for them)."""
        member = self.settings.process_name
        loop = ConsumerLoop(consumer, self.settings.kafka, database, publisher, member=member)

        async def run(stop: asyncio.Event) -> None:
            if self._directory is not None:
                await self._directory.until_ready(stop)
            await loop.run(stop)

        self.task(consumer.group, run)

        async def check() -> str | None:
            return loop.not_ready_reason()

        self.check(consumer.group, check)


def _settle_garbage_collector() -> None:
    """Spare what lives as long as the process: a full collection over all of it holds the event loop for 0.1 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


P = TypeVar("P", bound=Process[Any])


def run(process: P, build: Callable[[P], Awaitable[ASGIApp]]) -> None:
    """The body of every `main()`: set up logging and uvloop, serve, exit with 1 when something broke."""
    log = process.settings.log
    logging.configure(log.level, process.settings.process_name, strict=log.strict)
    try:
        with asyncio.Runner(
            loop_factory=uvicorn.config.Config("", loop="uvloop", log_config=None).get_loop_factory()
        ) as runner:
            runner.run(process.serve(lambda: build(process)))
    except Exception:
        logging.get_logger().critical("process halted", exc_info=True)
        sys.exit(1)
