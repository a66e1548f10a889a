"""The process consent-api: tenants' consents, and the question right before a call."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.consent.clearance import endpoints as clearance
from services.consent.clearance.service import classes
from services.consent.consents import endpoints as consents
from services.consent.migrate import MIGRATIONS
from services.consent.policy import endpoints as policy
from services.consent.policy.service import Book
from services.consent.settings import Settings
from services.consent.windows.consumers import GROUP
from services.kernel.contracts.inbound import INBOUND
from services.kernel.crypto import unb64url
from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.kafka.lag import GroupLag
from services.kernel.process import Process, ServiceProcess, run
from services.kernel.settings import load
from services.kernel.tenants import TenantDirectory


def create_consent_app(
    process: Process[Any], *, database: Database, directory: TenantDirectory, inbound_lag: GroupLag
) -> FastAPI:
    """The application with every route of this service."""
    app = create_app("consent", process)
    app.state.database = app.state.question_database = database
    app.state.directory = directory
    app.state.inbound_lag = inbound_lag
    app.state.book = Book()
    app.state.class_of = classes(directory)
    for router in (consents.router, clearance.router, policy.router, policy.approvals_router):
        app.include_router(router)
    app.add_hot_route(clearance.QUESTIONS)
    return app


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database and tenants first, then the watch over the group that reads people's STOPs."""
    database = await process.open_database(MIGRATIONS)
    directory = process.open_directory(unb64url(process.settings.box.private_key.get_secret_value()))
    inbound_lag = GroupLag(process.settings.kafka, group=GROUP, topic=INBOUND)
    process.task("lag of consent.inbound", inbound_lag.run)
    app = create_consent_app(process, database=database, directory=directory, inbound_lag=inbound_lag)
    app.state.question_database = await process.open_database(MIGRATIONS, keeps_plans=True)  # it only probes keys
    return app


def main() -> None:
    run(ServiceProcess(load(Settings)), build)


if __name__ == "__main__":
    main()
