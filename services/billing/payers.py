"""What billing knows of the tenants that pay, from the directory."""

from functools import partial
from uuid import UUID

from services.billing.reservations.pricing import Payer, PayerOf
from services.billing.settings import Settings
from services.kernel import crypto
from services.kernel.process import ServiceProcess
from services.kernel.tenants import TenantDirectory


def open_payers(process: ServiceProcess[Settings]) -> PayerOf:
    """Asks the directory of this process, which is ready when the process is."""
    private_key = crypto.unb64url(process.settings.box.private_key.get_secret_value())
    return partial(_payer_in, process.open_directory(private_key))


def _payer_in(directory: TenantDirectory, tenant_id: UUID) -> Payer | None:
    """What is to be known of a tenant that pays; None when the tenant is not known."""
    tenant = directory.tenant(tenant_id)
    return None if tenant is None else Payer(tenant.zone, tenant.tenant_class)
