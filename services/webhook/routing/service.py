"""Finds the tenants that a webhook speaks to: the owner of a number, or everybody with a number in a WABA."""

from collections.abc import Iterable

import msgspec

from services.kernel import crypto
from services.kernel.contracts.tenants import NumberChanged, TenantChanged
from services.kernel.tenants import TenantDirectory
from services.webhook.parts.service import Change
from services.webhook.signatures.service import Mode

PART_BYTES_MAX = 256 * 1024  # sealed and in base64 it still fits into one record of Kafka; a text has 4 KB
# Meta's own have a dozen. Whoever opens a part later walks through it, and must not run out of stack.
PART_LEVELS_MAX = 64


class PartTooLarge(ValueError):
    """A part of a webhook that one record of Kafka cannot carry: it would stop the batch it travels in for ever."""


class PartTooDeep(ValueError):
    """A part of a webhook that is nested deeper than anything that Meta documents."""


class Owner(msgspec.Struct, frozen=True):
    """The tenant behind a number, with the keys that webhook holds for it."""

    tenant: TenantChanged
    phone_number_id: str
    index_key: bytes
    data_key: crypto.Key
    mode: Mode

    def __repr__(self) -> str:
        return f"Owner(tenant_id={self.tenant.tenant_id}, phone_number_id={self.phone_number_id!r})"


class Subject(msgspec.Struct, frozen=True):
    """What the parts of one value are about: the owner of its number, the change they stand in, Meta's `metadata`."""

    owner: Owner
    change: Change
    metadata: msgspec.Raw


def owner_of(directory: TenantDirectory, phone_number_id: str) -> Owner | None:
    """The owner, or None for a number that nobody has, or whose tenant's keys are not here: never a default tenant.

    A suspended owner still gets its facts: they are about what has happened already.
    """
    number = directory.number(phone_number_id)
    return _owner(directory, number) if number else None


def owners_of_waba(directory: TenantDirectory, waba_id: str) -> list[Owner]:
    """Every tenant with a number in the WABA, once for each mode; empty while one of them is not known here yet."""
    firsts = {(number.tenant_id, number.mode): number for number in reversed(directory.numbers_of_waba(waba_id))}
    return _all(directory, firsts.values())


def owners_by_display(directory: TenantDirectory, waba_id: str, phone: str) -> list[Owner]:
    """The owners of the number that people see as `phone` (E.164); more than one only with a test twin."""
    return _all(directory, directory.numbers_by_display(waba_id, phone))


def fit(part: bytes) -> bytes:
    """The part itself; raises PartTooLarge when a record cannot carry it, PartTooDeep when nobody could walk it."""
    if len(part) > PART_BYTES_MAX:
        raise PartTooLarge(f"a part of a webhook has {len(part)} bytes; {PART_BYTES_MAX} are carried")
    # Almost every part has too few brackets for it; this counts them in a third of the time of two count().
    brackets = len(part) - len(part.translate(None, b"{["))
    if brackets > PART_LEVELS_MAX and _levels(msgspec.json.decode(part)) > PART_LEVELS_MAX:
        raise PartTooDeep(f"a part of a webhook is nested deeper than {PART_LEVELS_MAX} levels")
    return part


def _levels(value: object) -> int:
    """How deep a value is nested, level by level: no deeper than the limit, whatever comes below."""
    level, depth = [value], 0
    while level and depth <= PART_LEVELS_MAX:
        level = [inner for one in level for inner in _inside(one)]
        depth += 1
    return depth


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _all(directory: TenantDirectory, numbers: Iterable[NumberChanged]) -> list[Owner]:
    found = list(numbers)
    if any(directory.tenant(number.tenant_id) is None for number in found):
        return []  # it would never hear what the others hear now
    return [owner for number in found if (owner := _owner(directory, number)) is not None]


def _owner(directory: TenantDirectory, number: NumberChanged) -> Owner | None:
    tenant = directory.tenant(number.tenant_id)
    if tenant is None:
        return None
    try:
        index_key, data_key = directory.index_key(tenant.tenant_id), directory.data_key(tenant.tenant_id)
    except KeyError:
        return None
    return Owner(tenant, number.phone_number_id, index_key, data_key, number.mode)
