"""Streaks of failures: an endpoint that is gone, or has failed for days on end, is disabled and its tenant told.

The rule: a failure disables when it comes at least five days after the first failure of its streak, and an earlier one
of the same streak came at least twelve hours after the first. Any success ends a streak, and so does a day without an
attempt. So two failures that happen to lie days apart disable nothing, nor does one bad night (market-and-law 72).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import notices
from services.gateway.endpoint_health import metrics, repository
from services.gateway.keys.service import Keyring
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

DISABLE_AFTER_SECONDS = 5 * 86_400.0
FAILURES_APART_SECONDS = 12 * 3_600.0
STREAK_GAP_SECONDS = 86_400.0
OUTAGE_SECONDS = 60.0  # shorter streaks are single bodies that are not taken

_log = get_logger()


class Failed(NamedTuple):
    """A failure of an endpoint at an address; `gone` is 410, `rest_seconds` is the pause that it asked for."""

    endpoint_id: UUID
    url: str
    gone: bool
    rest_seconds: float


async def note(
    connection: AsyncConnection, keyring: Keyring, *, succeeded: Collection[UUID], failed: Collection[Failed]
) -> list[UUID]:
    """Write what a batch of attempts says of its endpoints; a success in it outweighs the failures beside it.

    Returns the endpoints that answer again after an outage.
    """
    worst = _worst(failed, set(succeeded))
    if worst:
        await repository.lock(connection, [*succeeded, *(one.endpoint_id for one in worst)])
    recovered = await repository.succeeded(connection, list(set(succeeded)), outage_seconds=OUTAGE_SECONDS)
    if worst:
        await _note_failures(connection, keyring, worst)
    return recovered


async def changed_since(connection: AsyncConnection, known: Mapping[UUID, datetime]) -> list[UUID]:
    """Endpoints that their tenants changed or enabled after these times."""
    return await repository.changed_since(connection, known)


async def _note_failures(connection: AsyncConnection, keyring: Keyring, worst: list[Failed]) -> None:
    disabled = await repository.failed(
        connection,
        ids=[one.endpoint_id for one in worst],
        urls=[one.url for one in worst],
        gone=[one.gone for one in worst],
        rest_seconds=[one.rest_seconds for one in worst],
        disable_seconds=DISABLE_AFTER_SECONDS,
        apart_seconds=FAILURES_APART_SECONDS,
        gap_seconds=STREAK_GAP_SECONDS,
    )
    for one in disabled:
        metrics.DISABLED.labels(one.reason).inc()
        _log.warning("callback endpoint disabled", endpoint_id=str(one.id), reason=one.reason)
        await _tell(connection, keyring, one)


async def _tell(connection: AsyncConnection, keyring: Keyring, one: repository.Disabled) -> None:
    try:
        await notices.tell_disabled(
            connection, keyring, tenant_id=one.tenant_id, endpoint_id=one.id, reason=one.reason, at=one.at
        )
    except ServiceError as error:
        if error.retryable:
            raise
        _log.error("notice cannot be sealed", tenant_id=str(one.tenant_id), error_class=type(error).__name__)


def _worst(failed: Collection[Failed], succeeded: set[UUID]) -> list[Failed]:
    """One failure for each endpoint and address, in id order."""
    worst: dict[tuple[UUID, str], Failed] = {}
    for one in failed:
        before = worst.get((one.endpoint_id, one.url), one)
        worst[one.endpoint_id, one.url] = one._replace(
            gone=one.gone or before.gone, rest_seconds=max(one.rest_seconds, before.rest_seconds)
        )
    return [
        worst[key] for key in sorted(worst) if key[0] not in succeeded or worst[key].gone or worst[key].rest_seconds > 0
    ]
