"""The gateway's worker process: messages move on, go out to Meta, and tenants hear of it."""

from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp

from services.gateway.callbacks.service import wake as wake_callbacks
from services.gateway.deliveries.service import Deliveries
from services.gateway.dispatch.caller import Caller
from services.gateway.dispatch.dispatcher import WINDOW, Dispatcher
from services.gateway.dispatch.graph_client import GraphClient
from services.gateway.dispatch.questions import Questions
from services.gateway.idempotency.service import prune
from services.gateway.inbound.consumers import CONSUMERS as INBOUND_CONSUMERS
from services.gateway.keys.service import Keyring
from services.gateway.migrate import MIGRATIONS
from services.gateway.progress.consumers import consumers
from services.gateway.settings import Settings
from services.gateway.sweeping.service import Sweeper
from services.gateway.tenants.service import Directory
from services.kernel import partitions
from services.kernel.client import InternalClient
from services.kernel.crypto import FileKek
from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.kafka.outbox import Relay
from services.kernel.kafka.publisher import Publisher
from services.kernel.process import ServiceProcess, run
from services.kernel.settings import load

PARTITIONED = {"seen": "time", "messages": "uuid7", "message_bodies": "uuid7", "message_traces": "uuid7"}


@dataclass(frozen=True)
class Shared:
    """What the worker's tasks have in common."""

    database: Database
    publisher: Publisher
    keyring: Keyring
    directory: Directory
    relay: Relay

    def written(self) -> None:
        """Results are committed: the outbox and the callbacks have work."""
        self.relay.wake()
        wake_callbacks()


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Every task of the worker, with what they share."""
    database = await process.open_database(MIGRATIONS)
    await partitions.ensure(database, PARTITIONED)  # before the first row: what fell into the default stays there
    publisher = await process.open_publisher()
    keyring = Keyring(database, FileKek(process.settings.kek.file))
    shared = Shared(database, publisher, keyring, Directory(database, keyring), Relay(database, publisher))
    process.task("outbox", shared.relay.run)
    await partitions.ensure(database, PARTITIONED)  # before the first row, which would else go to the default one
    process.task("partitions", partial(partitions.keep, database, PARTITIONED))
    process.task("idempotency", partial(prune, database))
    process.task("callbacks", _deliveries(process, shared).run)
    process.task("sweeper", _sweeper(process, shared).run)
    dispatcher = _dispatcher(process, shared)
    process.task("dispatch", dispatcher.run)
    for consumer in (*consumers(wake_dispatcher=dispatcher.wake), *INBOUND_CONSUMERS):
        process.consume(consumer, database, publisher)
    return create_app("Vestnik gateway worker", process)


def _deliveries(process: ServiceProcess[Settings], shared: Shared) -> Deliveries:
    return Deliveries(
        database=shared.database,
        keyring=shared.keyring,
        directory=shared.directory,
        allow_loopback=process.settings.callbacks.allow_loopback,
    )


def _dispatcher(process: ServiceProcess[Settings], shared: Shared) -> Dispatcher:
    graph = GraphClient(process.settings.urls.graph, connections_max=WINDOW)
    consent = InternalClient(process.settings.urls.consent, "consent", process.issuer)
    for resource in (graph, consent):
        process.resources.push_async_callback(resource.close)
    return Dispatcher(
        database=shared.database,
        questions=Questions(consent),
        caller=Caller(graph=graph, keyring=shared.keyring, directory=shared.directory),
        written=shared.written,
    )


def _sweeper(process: ServiceProcess[Settings], shared: Shared) -> Sweeper:
    return Sweeper(
        database=shared.database,
        publisher=shared.publisher,
        unknown_grace_seconds=process.settings.unknown_grace_seconds,
        unknown_max_seconds=process.settings.unknown_max_seconds,
        written=shared.written,
    )


def main() -> None:
    run(ServiceProcess(load(Settings)), build)


if __name__ == "__main__":
    main()
