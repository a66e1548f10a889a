"""Taking a message one step on for every fact about it (hot path: whole batches)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import service as dispatch
from services.gateway.messages import service as messages
from services.gateway.messages.failures import tell_failed
from services.gateway.messages.states import Reported, State
from services.gateway.reports import service as reports
from services.gateway.waiting import service as waiting
from services.kernel.contracts import Event
from services.kernel.contracts.clearances import MessageRefused
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.contracts.reservations import MessageFunded, MessageUnfunded
from services.kernel.contracts.statuses import StatusReported
from services.kernel.kafka.consumer import Received


async def accepted(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Store what the door published; rows that other facts opened before become whole."""
    events = [(r.event, r.offset) for r in batch if isinstance(r.event, MessageAccepted)]
    rows = await messages.accept(connection, events)
    await dispatch.enqueue(connection, rows)
    await waiting.note(connection, [row for row in rows if row.state < State.FUNDED])
    # What Meta itself reported was told with its report.
    refused = [row for row in rows if row.state == State.FAILED and not row.reported & Reported.FAILED]
    await tell_failed(connection, refused)
    return []


async def refused(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Consent has refused; that it cleared a message comes with the money."""
    await _refuse(connection, [r.event for r in batch if isinstance(r.event, MessageRefused)])
    return []


async def funded(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Billing has reserved or declined; for a message that had ended the terminal fact is said again."""
    paid = [r.event for r in batch if isinstance(r.event, MessageFunded)]
    unpaid = [r.event for r in batch if isinstance(r.event, MessageUnfunded)]
    if paid and unpaid:  # two statements will write rows: lock all of them in one order first
        subjects = [(event.tenant_id, event.message_id) for event in paid]
        subjects += [(event.tenant_id, event.message_id) for event in unpaid]
        await messages.claim_rows(connection, subjects)
    rows = await messages.fund(connection, paid)
    await _refuse(connection, unpaid)
    await dispatch.enqueue(connection, rows)
    return await messages.endings_of_funded(connection, paid, rows)


async def reported(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Meta has reported; the same report twice is one."""
    events = [r.event for r in batch if isinstance(r.event, StatusReported)]
    await dispatch.drop(connection, await reports.apply(connection, events))
    await dispatch.note_reports(connection, events)
    return []


async def _refuse(connection: AsyncConnection, events: Sequence[MessageRefused | MessageUnfunded]) -> None:
    rows = await messages.refuse(connection, events)
    await dispatch.drop(connection, [row.id for row in rows])
    # A row whose accepted half is not here yet is told when it comes.
    await tell_failed(connection, [row for row in rows if row.phone_number_id is not None])
