"""The process consent-worker: judges messages, opens windows, applies signals, publishes the outbox."""

from functools import partial

from starlette.types import ASGIApp

from services.consent.clearance.consumers import OUTCOMES_CONSUMER, STATUSES_CONSUMER, messages_consumer
from services.consent.migrate import MIGRATIONS
from services.consent.platform.consumers import CONSUMER as PLATFORM_CONSUMER
from services.consent.retention import PARTITIONED, days_kept
from services.consent.settings import Settings
from services.consent.windows.consumers import CONSUMER as INBOUND_CONSUMER
from services.kernel import partitions
from services.kernel.crypto import unb64url
from services.kernel.http import create_app
from services.kernel.kafka.outbox import Relay
from services.kernel.process import ServiceProcess, run
from services.kernel.settings import load


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database, broker and tenants first, then consumers and relay."""
    database = await process.open_database(MIGRATIONS, keeps_plans=True)
    await partitions.ensure(database, PARTITIONED)  # before the first row: what fell into the default stays there
    publisher = process.open_publisher()
    directory = process.open_directory(unb64url(process.settings.box.private_key.get_secret_value()))
    consumers = (INBOUND_CONSUMER, STATUSES_CONSUMER, OUTCOMES_CONSUMER, PLATFORM_CONSUMER)
    for consumer in (messages_consumer(directory), *consumers):
        process.consume(consumer, database, publisher)
    process.task("outbox", Relay(database, publisher).run)
    days = days_kept(process.settings.decisions_days)
    process.task("partitions", partial(partitions.keep, database, PARTITIONED, days_kept=days))
    return create_app("consent worker", process)


def main() -> None:
    run(ServiceProcess(load(Settings)), build)


if __name__ == "__main__":
    main()
