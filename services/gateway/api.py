"""The gateway's API process: the tenants' door, their settings, and the staff's acts on tenants."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.gateway.aliases.service import Aliases
from services.gateway.api_keys.endpoints import router as api_keys
from services.gateway.api_keys.service import Desk, keep_uses, record_last_uses
from services.gateway.callbacks.endpoints import router as callbacks
from services.gateway.checks.endpoints import router as checks
from services.gateway.forwarding.endpoints import router as forwarding
from services.gateway.graph.batch_pacing import Pacing
from services.gateway.graph.batches import Batches
from services.gateway.graph.endpoints import hot_routes
from services.gateway.graph.rewriting import Rewriter
from services.gateway.graph.service import PUBLISH_TIMEOUT_SECONDS, Door
from services.gateway.history.endpoints import router as messages
from services.gateway.idempotency.service import IdempotencyKeys
from services.gateway.keys.service import Keyring
from services.gateway.keywords.endpoints import router as keywords
from services.gateway.marks.service import ReadMarks
from services.gateway.media.endpoints import MediaLimit
from services.gateway.media.endpoints import graph_router as graph_media
from services.gateway.media.endpoints import router as media
from services.gateway.media.service import Files, Library, Shelf, Uploads
from services.gateway.migrate import MIGRATIONS
from services.gateway.onboarding.endpoints import router as onboarding
from services.gateway.openapi.endpoints import router as openapi
from services.gateway.pressure.service import Pressure
from services.gateway.reading.endpoints import router as graph_reads
from services.gateway.reading.service import Reader
from services.gateway.references.service import References
from services.gateway.settings import Settings
from services.gateway.templates.service import Catalogue
from services.gateway.tenants.rate_headers import RateHeaders
from services.gateway.tenants.service import Directory, Doorkeeper
from services.gateway.upstream.service import Upstream
from services.kernel.client import InternalClient, new_session
from services.kernel.crypto import FileKek, unb64url
from services.kernel.db import Database
from services.kernel.hot import HotApp
from services.kernel.http import create_app
from services.kernel.process import ServiceProcess, run
from services.kernel.settings import load

ROUTERS = (
    checks,
    messages,
    callbacks,
    api_keys,
    forwarding,
    onboarding,
    keywords,
    media,
    graph_media,
    graph_reads,
    openapi,
)


def add_routes(app: HotApp) -> None:
    """Every route of this process; the hot doors first."""
    for route in hot_routes:
        app.add_hot_route(route)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(MediaLimit)
    app.add_middleware(RateHeaders)


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """The application with everything that its routes need, opened and closed with the process."""
    settings = process.settings
    app = create_app("Vestnik gateway", process)
    add_routes(app)
    app.state.settings = settings
    database = app.state.database = await process.open_database(MIGRATIONS)
    keyring = app.state.keyring = Keyring(database, FileKek(settings.kek.file))
    directory = app.state.directory = _directory(process, database, keyring)
    doorkeeper = app.state.doorkeeper = _doorkeeper(process, database, directory)
    app.state.desk = _desk(settings, keyring)
    app.state.internal_clients = _internal_clients(process)
    upstream = app.state.upstream = _upstream(process)
    _open_media(app, settings, database=database, keyring=keyring, directory=directory, upstream=upstream)
    app.state.reader = Reader(database=database, directory=directory, upstream=upstream, media=app.state.media)
    app.state.publisher = process.open_publisher(delivery_timeout_seconds=PUBLISH_TIMEOUT_SECONDS)
    references = _references(process, database, keyring)
    door = app.state.door = Door(
        directory=directory,
        doorkeeper=doorkeeper,
        keyring=keyring,
        catalogue=Catalogue(database),
        keys=IdempotencyKeys(database),
        rewriter=Rewriter(references, _library(process, database, keyring)),
        aliases=Aliases(database),
        marks=ReadMarks(references, app.state.upstream),
        publish=app.state.publisher.publish,
        accept_per_second=settings.accept_per_second,
    )
    app.state.batches = Batches(door, _pacing(process, database))
    door.start()
    process.resources.push_async_callback(door.stop)
    return app


def _pacing(process: ServiceProcess[Settings], database: Database) -> Pacing:
    pacing = Pacing(Pressure(database).strain)
    process.task("pacing", pacing.run)
    return pacing


def _directory(process: ServiceProcess[Settings], database: Database, keyring: Keyring) -> Directory:
    settings = process.settings
    directory = Directory(database, keyring, pepper=settings.pepper, rate_per_second=settings.api_keys.rate_per_second)
    directory.start()
    process.resources.push_async_callback(directory.stop)
    return directory


def _doorkeeper(process: ServiceProcess[Settings], database: Database, directory: Directory) -> Doorkeeper:
    doorkeeper = Doorkeeper(directory)
    process.task("api_key_uses", partial(keep_uses, database, doorkeeper))
    process.resources.push_async_callback(record_last_uses, database, doorkeeper)
    return doorkeeper


def _desk(settings: Settings, keyring: Keyring) -> Desk:
    return Desk(
        keyring=keyring,
        pepper=settings.pepper,
        box_public_keys={name: unb64url(key) for name, key in settings.box.public_keys.items()},
        rate_per_second_max=settings.api_keys.rate_per_second_max,
    )


def _references(process: ServiceProcess[Settings], database: Database, keyring: Keyring) -> References:
    references = References(database, keyring)
    references.start()
    process.resources.push_async_callback(references.stop)
    return references


def _open_media(
    app: FastAPI,
    settings: Settings,
    *,
    database: Database,
    keyring: Keyring,
    directory: Directory,
    upstream: Upstream,
) -> None:
    """Uploads, and the shelf that they stand on."""
    files = Files(Path(settings.media.directory), keyring)
    files.prepare()
    app.state.uploads = Uploads(
        database=database,
        keyring=keyring,
        directory=directory,
        files=files,
        upstream=upstream,
        tenant_bytes_max=settings.media.tenant_bytes_max,
    )
    app.state.media = Shelf(
        database=database,
        keyring=keyring,
        files=files,
        public_url=settings.urls.public,
    )


def _library(process: ServiceProcess[Settings], database: Database, keyring: Keyring) -> Library:
    library = Library(database, keyring)
    library.start()
    process.resources.push_async_callback(library.stop)
    return library


def _upstream(process: ServiceProcess[Settings]) -> Upstream:
    upstream = Upstream(process.settings.urls.graph, process.settings.urls.sandbox)
    process.resources.push_async_callback(upstream.close)
    return upstream


def _internal_clients(process: ServiceProcess[Settings]) -> dict[str, InternalClient]:
    session = new_session()
    process.resources.push_async_callback(session.close)
    urls = {"consent": process.settings.urls.consent, "billing": process.settings.urls.billing}
    return {audience: InternalClient(url, audience, process.issuer, session) for audience, url in urls.items()}


def main() -> None:
    run(ServiceProcess(load(Settings)), build)


if __name__ == "__main__":
    main()
