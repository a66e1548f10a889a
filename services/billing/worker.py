"""The billing worker: reserves, captures and gives back, and ends holds that nobody ended."""

from functools import partial

from starlette.types import ASGIApp

from services.billing.holds import expiry as holds
from services.billing.migrate import MIGRATIONS
from services.billing.payers import open_payers
from services.billing.reservations import expiry
from services.billing.reservations.consumers import consumers
from services.billing.settings import Settings
from services.kernel import settings
from services.kernel.http import create_app
from services.kernel.kafka.outbox import Relay
from services.kernel.process import ServiceProcess, run


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database, broker and tenants first, then consumers, relay and expiry."""
    database = await process.open_database(MIGRATIONS, keeps_plans=True)
    publisher = process.open_publisher()
    for consumer in consumers(open_payers(process)):
        process.consume(consumer, database, publisher)
    process.task("outbox", Relay(database, publisher).run)
    process.task("expiry", partial(expiry.run, database))
    process.task("holds", partial(holds.run, database))
    return create_app("billing worker", process)


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
