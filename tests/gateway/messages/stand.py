"""Messages told by facts, and what their rows, the queue, the callbacks and the outbox say afterwards."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Row, text

from services.gateway.history import repository as history
from services.gateway.history.service import state_of
from services.gateway.messages.states import State
from services.gateway.progress import service as progress
from services.kernel import clock
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import CLEARANCES, MessageRefused
from services.kernel.contracts.messages import MESSAGES, Lane, MessageAccepted, Origin
from services.kernel.contracts.reservations import RESERVATIONS, MessageFunded, MessageUnfunded
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.kafka.consumer import Handler, Received

HANDLERS: dict[str, Handler] = {
    MESSAGES.name: progress.accepted,
    CLEARANCES.name: progress.refused,
    RESERVATIONS.name: progress.funded,
    STATUSES.name: progress.reported,
}
NUMBER = "106540352242922"
Status = Literal["sent", "delivered", "read", "failed"]
_offsets = count(1)


def new_person() -> str:
    """A blind index, as it travels."""
    return secrets.token_hex(32)


def new_id() -> UUID:
    """A message id as the door mints it."""
    return UUID(str(uuid7()))


@dataclass(frozen=True)
class Story:
    """One message and the facts about it; the same call makes the same fact."""

    tenant_id: UUID = field(default_factory=uuid4)
    id: UUID = field(default_factory=new_id)
    person: str = field(default_factory=new_person)
    phone_number_id: str = NUMBER
    lane: Lane = "bulk"
    began: datetime = field(default_factory=lambda: clock.now() - timedelta(seconds=10))
    lifetime: timedelta = timedelta(hours=24)
    body: bytes = b"sealed"
    origin: Origin = "tenant"

    def accepted(self) -> MessageAccepted:
        return MessageAccepted(
            **self._base("accepted", 0),
            person=self.person,
            phone_number_id=self.phone_number_id,
            kind="template",
            category="utility",
            country="RU",
            lane=self.lane,
            expires_at=self.began + self.lifetime,
            body=self.body,
            origin=self.origin,
        )

    def refused(self, code: int = 131050, reason: str = "no_consent") -> MessageRefused:
        return MessageRefused(**self._base("refused", 1), person=self.person, code=code, reason=reason)

    def funded(self, price_micros: int = 6_000_000) -> MessageFunded:
        return MessageFunded(
            **self._base("funded", 2),
            person=self.person,
            price_micros=price_micros,
            currency="RUB",
            rate_card_version=1,
            is_free=price_micros == 0,
            cleared_at=self.cleared_at,
        )

    def unfunded(self) -> MessageUnfunded:
        return MessageUnfunded(
            **self._base("unfunded", 2),
            person=self.person,
            code=131042,
            reason="no_balance",
            cleared_at=self.cleared_at,
        )

    def status(self, status: Status, *, code: int | None = None, is_named: bool = True) -> StatusReported:
        """Meta's report; with `is_named` it echoes our id."""
        second = {"sent": 4, "delivered": 5, "read": 6, "failed": 5}[status]
        return StatusReported(
            **self._base(f"status:{status}", second, whole=True),
            routing_key=str(self.id) if is_named else self.wamid_index,
            message_id=self.id if is_named else None,
            wamid_index=self.wamid_index,
            phone_number_id=self.phone_number_id,
            status=status,
            error_code=(code or 131026) if status == "failed" else None,
        )

    @property
    def wamid_index(self) -> str:
        return self.id.hex * 2

    @property
    def cleared_at(self) -> datetime:
        """When consent let the message pass."""
        return self.began + timedelta(seconds=1)

    def _base(self, stage: str, second: int, *, whole: bool = False) -> dict[str, Any]:
        at = self.began + timedelta(seconds=second)
        base = {
            "id": event_id(self.id, stage),
            "occurred_at": at.replace(microsecond=0) if whole else at,
            "tenant_id": self.tenant_id,
        }
        if not stage.startswith("status:"):
            base["message_id"] = self.id
        return base


class Desk:
    """The gateway's handlers on one database, and what they left there."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def add_number(self, phone_number_id: str = NUMBER, messages_per_second: int = 80) -> None:
        """A number that may send; its tenant does not matter to the queue."""
        tenant_id = uuid4()
        await self.run(
            "insert into tenants (id, name, class, zone) values (:id, 'Tenant', 'ordinary', 'Europe/Moscow')",
            id=tenant_id,
        )
        await self.run(
            """insert into numbers (phone_number_id, tenant_id, waba_id, display_phone_number, access_token,
                                    messages_per_second)
               values (:number, :tenant_id, '1', 'sealed', 'sealed', :rate)""",
            number=phone_number_id,
            tenant_id=tenant_id,
            rate=messages_per_second,
        )

    async def tell(self, *events: Event) -> Sequence[Event]:
        """Hand facts of one topic to their consumer, in one batch and one transaction; its answers."""
        await self._open_callbacks({event.tenant_id for event in events})
        batch = [Received(event, 0, next(_offsets)) for event in events]
        async with self.database.transaction() as connection:
            return await HANDLERS[events[0].TOPIC.name](connection, batch)

    async def _open_callbacks(self, tenant_ids: set[UUID]) -> None:
        """Every tenant has a first endpoint from its beginning; it may have no URL yet."""
        await self.run(
            """insert into callback_endpoints (id, tenant_id, is_first, secret, secret_hint)
               select t, t, true, '', '' from unnest(cast(:tenant_ids as uuid[])) as t on conflict do nothing""",
            tenant_ids=sorted(tenant_ids),
        )

    async def fund(self, *stories: Story) -> None:
        """Bring messages into the queue, ready to be sent."""
        await self.tell(*(story.accepted() for story in stories))
        await self.tell(*(story.funded() for story in stories))

    async def run(self, sql: str, **parameters: Any) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(text(sql), parameters)

    async def rows(self, sql: str, **parameters: Any) -> Sequence[Row[Any]]:
        async with self.database.transaction() as connection:
            return (await connection.execute(text(sql), parameters)).all()

    async def message(self, story: Story) -> Row[Any] | None:
        found = await self.rows(
            """select m.*, w.wamid_index from messages m left join message_wamids w using (tenant_id, id)
                where tenant_id = :t and id = :i""",
            t=story.tenant_id,
            i=story.id,
        )
        return found[0] if found else None

    async def state(self, story: Story) -> State:
        """As the tenant sees it."""
        async with self.database.transaction() as connection:
            row = await history.find(connection, tenant_id=story.tenant_id, message_id=story.id)
        assert row is not None
        return state_of(row)

    async def queued(self, story: Story) -> Row[Any] | None:
        found = await self.rows("select * from dispatch_queue where message_id = :i", i=story.id)
        return found[0] if found else None

    async def callbacks(self, story: Story) -> list[dict[str, Any]]:
        """What the tenant will hear of the message, in order."""
        found = await self.rows("select * from callback_facts where subject_id = :i order by sequence", i=story.id)
        return [{"event_id": row.event_id, **msgspec.json.decode(row.content)} for row in found]

    async def outbox(self, story: Story) -> list[str]:
        """The kinds of facts about the message that wait to be published, in order."""
        found = await self.rows("select event_type, value from outbox order by id")
        return [
            row.event_type.split(".")[1]
            for row in found
            if msgspec.json.decode(row.value).get("message_id") == str(story.id)
        ]

    async def pair(self, story: Story) -> Row[Any]:
        """How many tokens the pair has, and whether its latest turn is not over."""
        (found,) = await self.rows(
            """select least(45, 45 - extract(epoch from p.full_at - now()) / 6) as tokens,
                      exists (select 1 from dispatch_queue q where q.pair = p.pair
                                 and (q.call_before is not null or q.lease_until > now())) as is_busy
                 from pairs p
                where p.pair = hashtextextended(cast(:n as text) || cast(:p as text), 0)""",
            n=story.phone_number_id,
            p=story.person,
        )
        return found


def moment(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
