"""The gateway's worker process: messages move on, go out to Meta, and tenants hear of it."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from services.gateway.callbacks.service import wake as wake_callbacks
from services.gateway.confirmations.service import Confirmations
from services.gateway.deliveries.service import Deliveries
from services.gateway.dispatch.caller import Caller
from services.gateway.dispatch.dispatcher import Dispatcher
from services.gateway.dispatch.graph_client import GraphClient
from services.gateway.dispatch.questions import Questions
from services.gateway.dispatch.window import WINDOW
from services.gateway.idempotency.service import prune
from services.gateway.inbound.consumers import consumers as inbound_consumers
from services.gateway.inbound.keeping import keep as keep_inbound
from services.gateway.keys.service import Keyring
from services.gateway.media import service as media
from services.gateway.media.fetching import Fetcher
from services.gateway.media.keeping import keep as keep_media
from services.gateway.media.withdrawing import Withdrawals
from services.gateway.migrate import MIGRATIONS
from services.gateway.platform.consumers import CONSUMER as PLATFORM_CONSUMER
from services.gateway.pressure.service import Watch
from services.gateway.progress.consumers import consumers
from services.gateway.retention import PARTITIONED, days_kept
from services.gateway.settings import Settings
from services.gateway.sweeping.service import Sweeper
from services.gateway.tenants.service import Directory, Mode
from services.gateway.twins.upkeep import Upkeep
from services.gateway.upstream.service import Upstream
from services.kernel import partitions
from services.kernel.client import InternalClient
from services.kernel.crypto import FileKek
from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.kafka.outbox import Relay
from services.kernel.kafka.publisher import Publisher
from services.kernel.process import ServiceProcess, run
from services.kernel.settings import load

# A tenant may tell the sandbox to be slow: its calls must not take the window that live messages need.
TEST_CONNECTIONS_MAX = WINDOW // 10


@dataclass(frozen=True)
class Shared:
    """What the worker's tasks have in common."""

    database: Database
    publisher: Publisher
    keyring: Keyring
    directory: Directory
    relay: Relay
    upstream: Upstream

    def written(self) -> None:
        """Results are committed: the outbox and the callbacks have work."""
        self.relay.wake()
        wake_callbacks()


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Every task of the worker, with what they share."""
    database = await process.open_database(MIGRATIONS, keeps_plans=True)
    await partitions.ensure(database, PARTITIONED)  # before the first row: what fell into the default stays there
    publisher = process.open_publisher()
    keyring = Keyring(database, FileKek(process.settings.kek.file))
    upstream = Upstream(process.settings.urls.graph, process.settings.urls.sandbox)
    process.resources.push_async_callback(upstream.close)
    shared = Shared(database, publisher, keyring, Directory(database, keyring), Relay(database, publisher), upstream)
    process.task("outbox", shared.relay.run)
    _keep_days(process, database)
    process.task("idempotency", partial(prune, database))
    process.task("callbacks", _deliveries(process, shared).run)
    process.task("test twins", _twins(process, shared).run)
    process.task("sweeper", _sweeper(process, shared).run)
    watch = Watch(database)
    process.task("pressure", watch.run)
    dispatcher = _dispatcher(process, shared)
    process.task("dispatch", dispatcher.run)
    _keep_media(process, shared)
    inbound = inbound_consumers(arrived=media.arrived, wake_fetcher=media.wake, confirm=Confirmations(keyring).write)
    for consumer in (*consumers(wake_dispatcher=dispatcher.wake, see_funded=watch.see), *inbound, PLATFORM_CONSUMER):
        process.consume(consumer, database, publisher)
    return create_app("Vestnik gateway worker", process)


def _keep_days(process: ServiceProcess[Settings], database: Database) -> None:
    """Make days ahead, and remove those that are over."""
    days = process.settings.messages_days
    process.task("partitions", partial(partitions.keep, database, PARTITIONED, days_kept=days_kept(days)))
    process.task("inbound messages", partial(keep_inbound, database, days=days))


def _deliveries(process: ServiceProcess[Settings], shared: Shared) -> Deliveries:
    return Deliveries(
        database=shared.database,
        keyring=shared.keyring,
        directory=shared.directory,
        rules=process.settings.callbacks.rules,
        public_url=process.settings.urls.public,
    )


def _keep_media(process: ServiceProcess[Settings], shared: Shared) -> None:
    """Fetch what people send, and remove what is over."""
    settings = process.settings.media
    files = media.Files(Path(settings.directory), shared.keyring)
    files.prepare()
    fetcher = Fetcher(
        database=shared.database,
        keyring=shared.keyring,
        directory=shared.directory,
        files=files,
        upstream=shared.upstream,
        keep=timedelta(days=settings.inbound_days),
        tenant_bytes_max=settings.tenant_bytes_max,
    )
    process.task("media fetcher", fetcher.run)
    withdrawals = Withdrawals(
        database=shared.database, keyring=shared.keyring, directory=shared.directory, upstream=shared.upstream
    )
    process.task("media at Meta", withdrawals.run)
    process.task("media keeper", partial(keep_media, shared.database, files))


def _twins(process: ServiceProcess[Settings], shared: Shared) -> Upkeep:
    settings = process.settings
    upkeep = Upkeep(
        shared.database,
        shared.directory,
        sandbox_url=settings.urls.sandbox,
        control_token=settings.sandbox.control_token.get_secret_value(),
    )
    process.resources.push_async_callback(upkeep.close)
    return upkeep


def _dispatcher(process: ServiceProcess[Settings], shared: Shared) -> Dispatcher:
    urls = process.settings.urls
    graphs: dict[Mode, GraphClient] = {
        "live": GraphClient(urls.graph, connections_max=WINDOW),
        "test": GraphClient(urls.sandbox, connections_max=TEST_CONNECTIONS_MAX),
    }
    consent = InternalClient(process.settings.urls.consent, "consent", process.issuer)
    for graph in graphs.values():
        process.resources.push_async_callback(graph.close)
    process.resources.push_async_callback(consent.close)
    return Dispatcher(
        database=shared.database,
        questions=Questions(consent),
        caller=Caller(graphs=graphs, keyring=shared.keyring, directory=shared.directory),
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
