"""The gateway's API process: the tenants' door, their settings, and the staff's acts on tenants."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.gateway.callbacks.endpoints import router as callbacks
from services.gateway.forwarding.endpoints import router as forwarding
from services.gateway.graph.endpoints import DoorLimit
from services.gateway.graph.endpoints import routes as graph_routes
from services.gateway.graph.service import Door
from services.gateway.idempotency.service import IdempotencyKeys
from services.gateway.keys.service import Keyring
from services.gateway.messages.endpoints import router as messages
from services.gateway.migrate import MIGRATIONS
from services.gateway.onboarding.endpoints import router as onboarding
from services.gateway.settings import Settings
from services.gateway.templates.service import Catalogue
from services.gateway.tenants.service import Directory
from services.kernel.client import InternalClient, new_session
from services.kernel.crypto import FileKek
from services.kernel.http import create_app
from services.kernel.process import ServiceProcess, run
from services.kernel.settings import load

ROUTERS = (messages, callbacks, forwarding, onboarding)


def add_routes(app: FastAPI) -> None:
    """Every route of this process; the hot door first."""
    app.router.routes[:0] = graph_routes
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(DoorLimit)


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """The application with everything that its routes need, opened and closed with the process."""
    settings = process.settings
    app = create_app("Vestnik gateway", process)
    add_routes(app)
    app.state.settings = settings
    database = app.state.database = await process.open_database(MIGRATIONS)
    keyring = app.state.keyring = Keyring(database, FileKek(settings.kek.file))
    directory = app.state.directory = Directory(database, keyring, pepper=settings.pepper)
    app.state.internal_clients = _internal_clients(process)
    publisher = app.state.publisher = await process.open_publisher()
    door = app.state.door = Door(
        directory=directory,
        keyring=keyring,
        catalogue=Catalogue(database),
        keys=IdempotencyKeys(database),
        publish=publisher.publish,
        accept_per_second=settings.accept_per_second,
    )
    door.start()
    process.resources.push_async_callback(door.stop)
    return app


def _internal_clients(process: ServiceProcess[Settings]) -> dict[str, InternalClient]:
    session = new_session()
    process.resources.push_async_callback(session.close)
    urls = {"consent": process.settings.urls.consent, "billing": process.settings.urls.billing}
    return {audience: InternalClient(url, audience, process.issuer, session) for audience, url in urls.items()}


def main() -> None:
    run(ServiceProcess(load(Settings)), build)


if __name__ == "__main__":
    main()
