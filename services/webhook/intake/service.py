"""Turns a signed webhook into facts on Kafka, or into sealed parts of the quarantine (hot path).

Every part stands alone: one object that cannot be read does not hold up its thousand neighbours. A part is published or
stored before the caller answers 200; a redelivery publishes the same facts under the same ids.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from services.kernel.batcher import Batcher
from services.kernel.contracts import Event
from services.kernel.kafka.publisher import Publisher
from services.kernel.tenants import TenantDirectory
from services.webhook.inbound import service as inbound
from services.webhook.intake.metrics import ACCEPTED, IGNORED
from services.webhook.quarantine.service import Held, Quarantine, Reason
from services.webhook.routing.service import Owner, PartTooLarge, owner_of
from services.webhook.statuses import service as statuses

TICK_SECONDS = 0.025  # a tenth of the median that Meta asks for
POSTS_A_BATCH_MAX = 500
POSTS_PENDING_MAX = 2_000  # above it Meta is told to come again, rather than memory filled
FACTS_A_TURN = 50  # sealing takes up to 0.2 ms a fact, and the event loop must not be held for long

#: What is raised by a part that is not as documented: no JSON, wrong types, no UTF-8, endless nesting, no sender.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

WHATSAPP = "whatsapp_business_account"
#: Fields that Meta documents and we have no use for yet: names for a metric, whose labels must not grow at will.
KNOWN_FIELDS = frozenset(
    """
    message_template_status_update message_template_quality_update message_template_components_update
    template_category_update template_correct_category_detection phone_number_quality_update phone_number_name_update
    account_update account_review_update account_alerts account_settings_update business_capability_update security
    user_preferences user_id_update business_username_updates history smb_message_echoes smb_app_state_sync
    message_echoes flows calls group_lifecycle_update group_participants_update group_settings_update
    group_status_update partner_solutions payment_configuration_update automatic_events messaging_handovers standby
    consumer_profile tracking_events
    """.split()  # noqa: SIM905  # thirty quoted names are longer and no clearer
)
KNOWN_STATUSES = frozenset({"played", "deleted"})


class Change(msgspec.Struct, frozen=True):
    field: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class Entry(msgspec.Struct, frozen=True):
    changes: tuple[Change, ...] = ()


class Envelope(msgspec.Struct, frozen=True):
    """What every webhook of Meta has (whatsapp-cloud-api 3.3)."""

    object: str
    entry: tuple[Entry, ...] = ()


class Metadata(msgspec.Struct, frozen=True):
    phone_number_id: str


class Value(msgspec.Struct, frozen=True):
    """The value of the field `messages` (3.4, 3.5); its parts are read one by one."""

    metadata: Metadata
    contacts: tuple[msgspec.Raw, ...] | None = None
    messages: tuple[msgspec.Raw, ...] | None = None
    statuses: tuple[msgspec.Raw, ...] | None = None
    errors: tuple[msgspec.Raw, ...] | None = None


_envelopes = msgspec.json.Decoder(Envelope)
_values = msgspec.json.Decoder(Value)


class Ignored(NamedTuple):
    """A part that nobody here has a use for; nothing of it is kept."""

    reason: str


Found = Event | Held | Ignored


class Intake:
    """Takes bodies whose signature is right; concurrent ones share the batches that go to Kafka."""

    def __init__(self, directory: TenantDirectory, publisher: Publisher, quarantine: Quarantine) -> None:
        self._directory = directory
        self._publisher = publisher
        self._quarantine = quarantine
        self.batcher: Batcher[Sequence[Event], None] = Batcher(
            "webhook",
            self._publish,
            tick_seconds=TICK_SECONDS,
            batch_max=POSTS_A_BATCH_MAX,
            pending_max=POSTS_PENDING_MAX,
        )

    @property
    def is_ready(self) -> bool:
        """Whether we know whose numbers there are; before that everything would look unknown."""
        return self._directory.is_ready

    async def take(self, body: bytes) -> None:
        """Return when every part of the body is on Kafka or in the quarantine; raises when any is not."""
        facts: list[Event] = []
        held: list[Held] = []
        for count, found in enumerate(parts_of(self._directory, body), start=1):
            match found:
                case Held():
                    held.append(found)
                case Ignored():
                    IGNORED.labels(found.reason).inc()
                case _:
                    facts.append(found)
            if count % FACTS_A_TURN == 0:
                await asyncio.sleep(0)
        if facts:
            await self.batcher.submit(facts)
        if held:
            await self._quarantine.hold(held)

    async def _publish(self, posts: Sequence[Sequence[Event]]) -> Sequence[None]:
        events = [event for post in posts for event in post]
        await self._publisher.publish(events)
        for type_, count in Counter(event.TYPE for event in events).items():
            ACCEPTED.labels(type_).inc(count)
        return [None] * len(posts)


def parts_of(directory: TenantDirectory, body: bytes) -> Iterator[Found]:
    """Everything that a body says, in its order."""
    try:
        envelope = _open(body)
    except UNREADABLE:
        yield Held("malformed", None, body)
        return
    if envelope.object != WHATSAPP:
        yield Ignored("object")
        return
    for change in (change for entry in envelope.entry for change in entry.changes):
        if change.field == "messages":
            yield from _conversation(directory, change.value)
        else:
            yield Ignored(f"field_{change.field}" if change.field in KNOWN_FIELDS else "field_other")


def _open(body: bytes) -> Envelope:
    try:
        body.decode()  # the decoder does not look at the letters of parts that it passes on as they are
        return _envelopes.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Half of an emoji, where a name was cut, must not hold up the thousand parts beside it.
        mended = json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
        return _envelopes.decode(mended)


def _conversation(directory: TenantDirectory, raw: msgspec.Raw) -> Iterator[Found]:
    try:
        value = _values.decode(raw)
        people = inbound.address_book(value.contacts or ()) if value.messages else inbound.NOBODY_KNOWN
    except UNREADABLE:
        yield Held("malformed", None, bytes(raw))
        return
    owner = owner_of(directory, value.metadata.phone_number_id)
    if owner is None:
        yield Held("unknown_number", value.metadata.phone_number_id, bytes(raw))
        return
    yield from (_status(owner, part) for part in value.statuses or ())
    yield from (_message(owner, part, people) for part in value.messages or ())
    yield from (Ignored("errors") for _ in value.errors or ())


def _status(owner: Owner, raw: msgspec.Raw) -> Found:
    try:
        report = statuses.read(raw)
        if report.status in statuses.REPORTED:
            return statuses.reported(owner, report)
    except UNREADABLE as error:
        return _held(owner, raw, error)
    return Ignored(f"status_{report.status}" if report.status in KNOWN_STATUSES else "status_other")


def _message(owner: Owner, raw: msgspec.Raw, people: inbound.AddressBook) -> Found:
    try:
        return inbound.received(owner, raw, people)
    except UNREADABLE as error:
        return _held(owner, raw, error)


def _held(owner: Owner, raw: msgspec.Raw, error: Exception) -> Held:
    reason: Reason = "too_large" if isinstance(error, PartTooLarge) else "malformed"
    return Held(reason, owner.phone_number_id, bytes(raw))
