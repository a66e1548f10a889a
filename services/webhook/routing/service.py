"""Finds the tenant that owns the number a webhook speaks of."""

from typing import NamedTuple

from services.kernel import crypto
from services.kernel.contracts.tenants import TenantChanged
from services.kernel.tenants import TenantDirectory

PART_BYTES_MAX = 256 * 1024  # sealed and in base64 it still fits into one record of Kafka; a text has 4 KB


class PartTooLarge(ValueError):
    """A part of a webhook that one record of Kafka cannot carry: it would stop the batch it travels in for ever."""


class Owner(NamedTuple):
    """The tenant behind a number, with the keys that webhook holds for it."""

    tenant: TenantChanged
    phone_number_id: str
    index_key: bytes
    data_key: crypto.Key


def owner_of(directory: TenantDirectory, phone_number_id: str) -> Owner | None:
    """The owner, or None for a number that nobody has, or whose tenant's keys are not here: never a default tenant.

    A suspended owner still gets its facts: they are about what has happened already.
    """
    number = directory.number(phone_number_id)
    tenant = directory.tenant(number.tenant_id) if number else None
    if tenant is None:
        return None
    try:
        index_key, data_key = directory.index_key(tenant.tenant_id), directory.data_key(tenant.tenant_id)
    except KeyError:
        return None
    return Owner(tenant, phone_number_id, index_key, data_key)


def fit(part: bytes) -> bytes:
    """The part itself; raises PartTooLarge when a record cannot carry it."""
    if len(part) > PART_BYTES_MAX:
        raise PartTooLarge(f"a part of a webhook has {len(part)} bytes; {PART_BYTES_MAX} are carried")
    return part
