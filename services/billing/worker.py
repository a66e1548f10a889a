"""The billing worker: reserves, captures and gives back, and ends holds that nobody ended."""

from functools import partial
from uuid import UUID

from starlette.types import ASGIApp

from services.billing.migrate import MIGRATIONS
from services.billing.reservations import expiry
from services.billing.reservations.consumers import consumers
from services.billing.reservations.service import Payer
from services.billing.settings import Settings
from services.kernel import crypto, settings
from services.kernel.http import create_app
from services.kernel.kafka.outbox import Relay
from services.kernel.process import ServiceProcess, run
from services.kernel.tenants import TenantDirectory


def payer_in(directory: TenantDirectory, tenant_id: UUID) -> Payer | None:
    """What is to be known of a tenant that pays; None when the tenant is not known."""
    tenant = directory.tenant(tenant_id)
    return None if tenant is None else Payer(tenant.zone, tenant.tenant_class)


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database, broker and tenants first, then consumers, relay and expiry."""
    database = await process.open_database(MIGRATIONS)
    publisher = await process.open_publisher()
    private_key = crypto.unb64url(process.settings.box.private_key.get_secret_value())
    payer_of = partial(payer_in, process.open_directory(private_key))
    for consumer in consumers(payer_of):
        process.consume(consumer, database, publisher)
    process.task("outbox", Relay(database, publisher).run)
    process.task("expiry", partial(expiry.run, database, payer_of))
    return create_app("billing worker", process)


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
