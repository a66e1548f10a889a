"""What billing's tests stand on: events as other services publish them, batches as the loop feeds them, an audit."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

import uvicorn
from sqlalchemy import text
from starlette.types import ASGIApp

from services.billing.ledger import service as ledger
from services.billing.reservations.consumers import handle_batch
from services.billing.reservations.service import Payer
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import Basis, MessageCleared
from services.kernel.contracts.messages import Kind
from services.kernel.contracts.outcomes import MessageExpired, MessageFailed, MessageReported
from services.kernel.contracts.statuses import ReportedStatus, StatusReported
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.kafka.consumer import Received
from services.kernel.money import micros_from

PERSON = "a" * 64
NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES: dict[UUID, str] = {}
TESTERS: set[UUID] = set()
STRANGERS: set[UUID] = set()  # tenants that do not exist


def payer_of(tenant_id: UUID) -> Payer | None:
    if tenant_id in STRANGERS:
        return None
    return Payer(ZONES.get(tenant_id, "Europe/Moscow"), "test" if tenant_id in TESTERS else "standard")


def micros(amount: str) -> int:
    return micros_from(Decimal(amount))


def cleared(
    tenant_id: UUID,
    message_id: UUID,
    *,
    kind: Kind = "template",
    basis: Basis = "consent",
    expires_at: datetime = NOON + DAY,
    max_price_micros: int | None = None,
) -> MessageCleared:
    return MessageCleared(
        id=event_id(message_id, "cleared"),
        occurred_at=NOON,
        tenant_id=tenant_id,
        message_id=message_id,
        person=PERSON,
        kind=kind,
        category="utility" if kind == "template" else "service",
        basis=basis,
        window_expires_at=None,
        expires_at=expires_at,
        max_price_micros=max_price_micros,
    )


def reply(tenant_id: UUID, message_id: UUID, *, kind: Kind = "text") -> MessageCleared:
    """A free-form answer inside the window."""
    return cleared(tenant_id, message_id, kind=kind, basis="window")


def matched(tenant_id: UUID, message_id: UUID, status: Literal["delivered", "read", "failed"]) -> MessageReported:
    """What the gateway says of a report that came without our id."""
    return MessageReported(
        id=event_id(message_id, f"reported:{status}"),
        occurred_at=NOON,
        tenant_id=tenant_id,
        message_id=message_id,
        status=status,
    )


def failed(tenant_id: UUID, message_id: UUID) -> MessageFailed:
    return MessageFailed(
        id=event_id(message_id, "failed"),
        occurred_at=NOON,
        tenant_id=tenant_id,
        message_id=message_id,
        person=PERSON,
        code=131026,
        reason="meta_refused",
    )


def expired(tenant_id: UUID, message_id: UUID) -> MessageExpired:
    return MessageExpired(
        id=event_id(message_id, "expired"), occurred_at=NOON, tenant_id=tenant_id, message_id=message_id, person=PERSON
    )


def reported(tenant_id: UUID, message_id: UUID, status: ReportedStatus, *, is_named: bool = True) -> StatusReported:
    """Meta's report; not `is_named` when Meta did not echo our id."""
    wamid = wamid_of(message_id)
    return StatusReported(
        id=event_id(message_id, f"status:{status}:{is_named}"),
        occurred_at=NOON,
        tenant_id=tenant_id,
        routing_key=str(message_id) if is_named else wamid,
        message_id=message_id if is_named else None,
        wamid_index=wamid,
        phone_number_id="100000000000001",
        status=status,
    )


def wamid_of(message_id: UUID) -> str:
    return message_id.hex * 2


class Billing:
    """Billing's consumers over a real database, fed batch by batch as the kernel's loop does."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def feed(self, *events: Event) -> list[Any]:
        """One batch; its results."""
        batch = [Received(event, 0, offset) for offset, event in enumerate(events)]
        async with self.database.transaction() as connection:
            return await handle_batch(connection, batch, payer_of=payer_of)

    async def top_up(self, tenant_id: UUID, amount: str, *, reference: str = "") -> None:
        async with self.database.transaction() as connection:
            await ledger.top_up(
                connection,
                tenant_id=tenant_id,
                amount_micros=micros(amount),
                currency="RUB",
                reference=reference or str(uuid4()),
            )

    async def new_tenant(self, amount: str = "1000.00") -> UUID:
        tenant_id: UUID = uuid7()
        await self.top_up(tenant_id, amount)
        return tenant_id

    async def balance(self, tenant_id: UUID) -> tuple[int, int]:
        """Wallet and held, in micro-units."""
        async with self.database.transaction() as connection:
            balance = await ledger.get_balance(connection, tenant_id)
        return balance.wallet_micros, balance.held_micros

    async def rows(self, sql: str, **values: object) -> list[Any]:
        async with self.database.transaction() as connection:
            return list((await connection.execute(text(sql), values)).all())

    async def state(self, message_id: UUID) -> str | None:
        rows = await self.rows("select state from reservations where message_id = :id", id=message_id)
        return rows[0].state if rows else None

    async def steps(self, message_id: UUID) -> list[str]:
        """What the ledger has of a message, in order."""
        rows = await self.rows("select kind from transfers where message_id = :id order by seq", id=message_id)
        return [row.kind for row in rows]

    async def snapshot(self) -> list[list[Any]]:
        """Everything that is kept about money."""
        orders = {"accounts": "1, 2, 3", "transfers": "seq", "reservations": "1, 2", "early_reports": "1, 2",
                  "holds": "1, 2"}  # fmt: skip
        return [await self.rows(f"select * from {table} order by {order}") for table, order in orders.items()]

    async def audit_balances(self) -> list[Any]:
        """Sums are zero and balances are what the transfers say; returns the transfers."""
        transfers = await self.rows("select * from transfers order by seq")
        moved: Counter[tuple[UUID, str]] = Counter()
        for row in transfers:
            moved[row.tenant_id, row.debit] -= row.amount_micros
            moved[row.tenant_id, row.credit] += row.amount_micros
        accounts = await self.rows("select * from accounts")
        assert {(row.tenant_id, row.kind): row.balance_micros for row in accounts} == {
            (row.tenant_id, row.kind): moved[row.tenant_id, row.kind] for row in accounts
        }
        assert sum(row.balance_micros for row in accounts) == 0
        return transfers

    async def audit(self) -> None:
        """The books close: recomputed from the transfers and the reservations alone."""
        transfers = await self.audit_balances()
        reservations = await self.rows("select * from reservations")
        steps: dict[UUID, list[tuple[str, int]]] = {}
        for row in (row for row in transfers if row.message_id):
            steps.setdefault(row.message_id, []).append((row.kind, row.amount_micros))
        assert steps == {row.message_id: _steps_of(row) for row in reservations if row.price_micros}
        await self._audit_holds(reservations)
        await self._audit_usage(reservations)

    async def _audit_usage(self, reservations: Sequence[Any]) -> None:
        """The months' counters are what the reservations sum up to."""
        counters = {"reserved": "held", "captured": "charged", "released": "returned", "expired": "returned"}
        sums: Counter[tuple[Any, ...]] = Counter()
        for row in reservations:
            if row.price_micros is not None and row.month is not None:
                group = (row.tenant_id, row.month, row.category, row.is_free, row.currency)
                sums[*group, counters[row.state]] += 1
                sums[*group, counters[row.state] + "_micros"] += row.price_micros
        kept = {
            (row.tenant_id, row.month, row.category, row.is_free, row.currency, name): getattr(row, name)
            for row in await self.rows("select * from usage_months")
            for name in row._fields
            if name.removesuffix("_micros") in counters.values()
        }
        assert +sums == +Counter(kept)

    async def _audit_holds(self, reservations: Sequence[Any]) -> None:
        held: Counter[UUID] = Counter()
        positions: dict[tuple[UUID, Any], list[int]] = {}
        for row in reservations:
            held[row.tenant_id] += row.price_micros if row.state == "reserved" else 0
            if row.position is not None:
                assert (row.price_micros is None, row.is_free) == (False, False)
                positions.setdefault((row.tenant_id, row.month), []).append(row.position)
        for row in await self.rows("select tenant_id, amount_micros from holds where state = 'open'"):
            held[row.tenant_id] += row.amount_micros
        for row in await self.rows("select * from accounts where kind = 'held'"):
            assert row.balance_micros == held[row.tenant_id]
        for taken in positions.values():
            assert sorted(taken) == list(range(1, len(taken) + 1))


def _steps_of(reservation: Any) -> list[tuple[str, int]]:
    """The transfers that a priced reservation must have, from its own columns."""
    kinds = ["reserve"]
    if reservation.returned_at is not None:
        is_overdue = reservation.return_cause == event_id(reservation.message_id, "released")
        kinds.append("expire" if is_overdue else "release")
    if reservation.captured_at is not None:
        kinds.append("capture" if reservation.returned_at is None else "late_capture")
    return [(kind, reservation.price_micros) for kind in kinds]


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application behind a real server on a free port; gives its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await server.listens.wait()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving
