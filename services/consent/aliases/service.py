"""Whoever once wrote with number and BSUID is the person behind the number, also when Meta names the BSUID alone.

Meta leaves the number out for people with a user name (whatsapp-cloud-api 3.4). Consents and windows are kept under the
number, where messages to either name look for them: a STOP or a question must not get lost beside it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import repository
from services.kernel.contracts.inbound import InboundReceived


async def recognise(connection: AsyncConnection, inbound: Sequence[InboundReceived]) -> list[InboundReceived]:
    """The same messages in the same order, each from the person behind the number where that is known."""
    await _remember(connection, inbound)
    nameless = sorted({(one.tenant_id, one.person) for one in inbound if one.bsuid is None})
    if not nameless:
        return list(inbound)
    known = await repository.persons(connection, [tenant for tenant, _ in nameless], [alias for _, alias in nameless])
    return [
        msgspec.structs.replace(one, person=known[one.tenant_id, one.person])
        if (one.tenant_id, one.person) in known
        else one
        for one in inbound
    ]


async def _remember(connection: AsyncConnection, inbound: Sequence[InboundReceived]) -> None:
    """In disorder the newest sighting stays."""
    seen = sorted((one for one in inbound if one.bsuid is not None), key=lambda one: one.occurred_at)
    newest = {(one.tenant_id, one.bsuid): one for one in seen}
    if not newest:
        return
    columns: dict[str, list[Any]] = {
        "tenant_ids": [tenant_id for tenant_id, _ in newest],
        "aliases": [alias for _, alias in newest],
        "persons": [one.person for one in newest.values()],
        "times": [one.occurred_at for one in newest.values()],
    }
    await repository.remember(connection, columns)
