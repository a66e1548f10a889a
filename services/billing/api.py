"""The billing API: balances for tenants, money that came in for staff."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.billing.ledger.endpoints import router as ledger
from services.billing.migrate import MIGRATIONS
from services.billing.settings import Settings
from services.kernel import settings
from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.process import Process, ServiceProcess, run


def create_billing_app(process: Process[Any], database: Database) -> FastAPI:
    """The application with every route of this service."""
    app = create_app("billing", process)
    app.state.database = database
    app.include_router(ledger)
    return app


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    return create_billing_app(process, await process.open_database(MIGRATIONS))


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
