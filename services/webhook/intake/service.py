"""Turns a signed webhook into facts on Kafka, or into sealed parts of the quarantine (hot path).

Every part stands alone: one object that cannot be read does not hold up its thousand neighbours. A part is published or
stored before the caller answers 200; a redelivery publishes the same facts under the same ids.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from services.kernel.batcher import Batcher
from services.kernel.contracts import Event
from services.kernel.errors import Overloaded
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, encode
from services.kernel.logging import get_logger
from services.kernel.tenants import TenantDirectory
from services.webhook.intake import conversations
from services.webhook.intake.conversations import Reading
from services.webhook.intake.metrics import ACCEPTED, ARRIVED, BECAME, IGNORED
from services.webhook.parts.service import (
    UNREADABLE,
    Change,
    Facts,
    Held,
    Ignored,
    Outcome,
    Tally,
    Unreadable,
    split,
)
from services.webhook.platform import service as platform
from services.webhook.quarantine.service import Quarantine
from services.webhook.routing.service import PartTooLarge
from services.webhook.signatures.service import SignedFor

TICK_SECONDS = 0.01  # between two batches, when a write takes less; the broker writes to the disk once for each batch
SUBMISSIONS_A_BATCH_MAX = 500
SUBMISSIONS_PENDING_MAX = 2_000  # above it Meta is told to come again, rather than memory filled
PARTS_A_TURN = 25  # sealing takes up to 0.2 ms a fact, and the event loop must not be held for long
FACTS_A_SUBMISSION = 100  # a webhook of a thousand updates must not hold up the batch that others share with it
BODIES_BYTES_MAX = 128 * 1024 * 1024  # of signed bodies in work; each takes a few times its size while it is read
LARGE_BODY_BYTES, LARGE_BODIES_AT_ONCE = 256 * 1024, 2

#: Fields that Meta documents and we have no use for: names for a metric, whose labels must not grow at will.
UNUSED_FIELDS = frozenset(
    """
    business_username_updates history smb_message_echoes smb_app_state_sync message_echoes flows calls
    group_lifecycle_update group_participants_update group_settings_update group_status_update partner_solutions
    payment_configuration_update automatic_events messaging_handovers standby consumer_profile tracking_events
    """.split()  # noqa: SIM905  # twenty quoted names are longer and no clearer
)

_log = get_logger()


class Intake:
    """Takes bodies whose signature is right; concurrent ones share the batches that go to Kafka."""

    def __init__(self, directory: TenantDirectory, publisher: Publisher, quarantine: Quarantine) -> None:
        self._directory = directory
        self._publisher = publisher
        self._quarantine = quarantine
        self._bytes_in_work = 0
        self._large = asyncio.Semaphore(LARGE_BODIES_AT_ONCE)
        self.batcher: Batcher[Sequence[Record], None] = Batcher(
            "webhook",
            self._publish,
            tick_seconds=TICK_SECONDS,
            batch_max=SUBMISSIONS_A_BATCH_MAX,
            pending_max=SUBMISSIONS_PENDING_MAX,
        )

    @property
    def is_ready(self) -> bool:
        """Whether we know whose numbers there are; before that everything would look unknown."""
        return self._directory.is_ready

    async def take(self, body: bytes, signed_for: SignedFor) -> Tally:
        """Return when every part of the body is on Kafka or in the quarantine; raises when any is not.

        Large bodies wait for each other, so that small ones wait for none of them; raises Overloaded when too many do.
        """
        with self._room_for(len(body)):
            if len(body) <= LARGE_BODY_BYTES:
                return await self._take(body, signed_for)
            async with self._large:
                return await self._take(body, signed_for)

    @contextmanager
    def _room_for(self, bytes_: int) -> Iterator[None]:
        if self._bytes_in_work + bytes_ > BODIES_BYTES_MAX:
            raise Overloaded("too many large webhooks at once; send it again")
        self._bytes_in_work += bytes_
        try:
            yield
        finally:
            self._bytes_in_work -= bytes_

    async def _take(self, body: bytes, signed_for: SignedFor) -> Tally:
        tally, facts, held = Tally(), list[Event](), list[Held]()
        for count, outcome in enumerate(judge(self._directory, body, signed_for, tally), start=1):
            match outcome:
                case Facts():
                    facts.extend(outcome.events)
                case Held():
                    held.append(outcome)
                case Ignored():
                    IGNORED.labels(outcome.reason).inc()
            if count % PARTS_A_TURN == 0:
                await asyncio.sleep(0)
        if not tally.holds:
            _log.error("parts of a webhook are not accounted for", count=tally.arrived)
            held.append(Held("malformed", None, None, body, parts=0))
        await self.publish(facts)
        if held:
            await self._quarantine.hold(held, signed_for)
        _count(tally)
        return tally

    async def publish(self, facts: Sequence[Event]) -> None:
        """Return when Kafka has acknowledged all of them, in their order; raises when it has not."""
        for start in range(0, len(facts), FACTS_A_SUBMISSION):
            chunk = facts[start : start + FACTS_A_SUBMISSION]
            await self.batcher.submit([encode(fact) for fact in chunk])
            for type_, count in Counter(fact.TYPE for fact in chunk).items():
                ACCEPTED.labels(type_).inc(count)

    async def _publish(self, submissions: Sequence[Sequence[Record]]) -> Sequence[None]:
        await self._publisher.send([record for records in submissions for record in records])
        return [None] * len(submissions)


def judge(directory: TenantDirectory, body: bytes, signed_for: SignedFor, tally: Tally) -> Iterator[Outcome]:
    """What becomes of every part of a body, in its order; `tally` counts what arrives and what becomes of it."""
    for found in split(body):
        reading = _read(directory, found, signed_for)
        tally.arrived += reading.arrived
        for outcome in reading.outcomes:
            tally.count(outcome)
            yield outcome


def _read(directory: TenantDirectory, found: Change | Unreadable | Ignored, signed_for: SignedFor) -> Reading:
    match found:
        case Ignored():
            return Reading(1, iter([found]))
        case Unreadable():
            return Reading(1, iter([Held("malformed", None, None, found.content)]))
        case Change() if found.field in conversations.FIELDS:
            return conversations.read(directory, found, signed_for)
        case Change() if found.field in platform.FIELDS:
            return Reading(1, iter([_platform(directory, found, signed_for)]))
    known = found.field in UNUSED_FIELDS
    return Reading(1, iter([Ignored(f"field_{found.field}" if known else "field_other")]))


def _platform(directory: TenantDirectory, change: Change, signed_for: SignedFor) -> Outcome:
    try:
        return platform.read(directory, change, signed_for)
    except PartTooLarge:
        return Held("too_large", None, change.waba_id, change.as_webhook())
    except UNREADABLE:
        return Held("malformed", None, change.waba_id, change.as_webhook())


def _count(tally: Tally) -> None:
    ARRIVED.inc(tally.arrived)
    for outcome, count in tally.became.items():
        BECAME.labels(outcome).inc(count)
