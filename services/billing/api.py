"""The billing API: money as tenants read it, and as staff move it by hand."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.billing.cards import service as cards
from services.billing.cards.endpoints import router as rate_cards
from services.billing.charges.endpoints import router as charges
from services.billing.credit import service as credit
from services.billing.credit.endpoints import router as credit_limits
from services.billing.ledger.endpoints import router as balances
from services.billing.migrate import MIGRATIONS
from services.billing.payers import open_payers
from services.billing.payments import service as payments
from services.billing.payments.endpoints import router as top_ups
from services.billing.quotes.endpoints import router as quotes
from services.billing.reservations.endpoints import router as reservations
from services.billing.reservations.pricing import PayerOf
from services.billing.settings import Settings
from services.billing.usage.endpoints import router as usage
from services.kernel import settings
from services.kernel.approvals.endpoints import router as approvals
from services.kernel.approvals.service import Act
from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.process import Process, ServiceProcess, run

ROUTERS = (balances, charges, usage, quotes, reservations, top_ups, rate_cards, credit_limits)
# What happens when a second person approves it.
ACTS: Mapping[str, Act] = {cards.KIND: cards.add, credit.KIND: credit.set_limit, payments.KIND: payments.book}


def create_billing_app(process: Process[Any], database: Database, payer_of: PayerOf) -> FastAPI:
    """The application with every route of this service."""
    app = create_app("billing", process)
    app.state.database = database
    app.state.payer_of = payer_of
    for router in (*ROUTERS, approvals(ACTS)):
        app.include_router(router)
    return app


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    return create_billing_app(process, await process.open_database(MIGRATIONS), open_payers(process))


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
