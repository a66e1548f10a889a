"""Recording what people agreed to and took back, and saying what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import service as aliases
from services.consent.aliases.names import Identity, Names
from services.consent.consents import confirming, repository
from services.consent.consents.book import Book
from services.consent.consents.errors import NumberLeft, WithdrawnByPerson, WithdrawnLater
from services.consent.consents.fold import Act, ActKind, Standing
from services.consent.consents.metrics import ACTS_RECORDED
from services.consent.consents.repository import NO_PARTICULARS, Key, NewAct, Particulars
from services.consent.consents.telling import carried, changed, fact_of
from services.consent.times.service import heard
from services.kernel import clock, crypto
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.conversations import Purpose
from services.kernel.errors import Conflict
from services.kernel.identifiers import uuid7
from services.kernel.kafka import outbox

PURPOSES: tuple[Purpose, ...] = ("service", "authentication", "marketing")
HISTORY_MAX = 300  # acts of one purpose that a list shows; the rest stays in the database

Word = confirming.Word
Channel = Literal["whatsapp"]
CHANNEL: Channel = "whatsapp"  # the only one yet


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a tenant, with what it takes to seal evidence: `name` is {"phone": ...} or {"bsuid": ...}."""

    tenant_id: UUID
    index: str
    name: Mapping[str, str]
    data_key: crypto.Key


class Signal(NamedTuple):
    """What a fact from outside says about a person: STOP, START, or a block at Meta."""

    tenant_id: UUID
    person: str
    cause: UUID
    kind: ActKind
    source: str
    occurred_at: datetime
    purposes: tuple[Purpose, ...] = PURPOSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a person agreed to and how: `sealed` is what may name people, or say where they are."""

    purpose: Purpose
    source: str
    particulars: Particulars
    sealed: Mapping[str, str]
    given_at: datetime | None = None
    channel: Channel = CHANNEL


class Told(NamedTuple):
    """An act of a person's history; `is_carried` where it was of a number or BSUID that the person left."""

    act: Act
    recorded_at: datetime
    particulars: Particulars
    is_carried: bool


class Stand(NamedTuple):
    """Where a person stands with one purpose, and its history, newest first."""

    purpose: Purpose
    channel: Channel
    standing: Standing
    history: list[Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A consent that was recorded; with a `refusal` it is history and does not count."""

    id: UUID
    given_at: datetime
    recorded_at: datetime
    refusal: Conflict | None


def stop(tenant_id: UUID, person: str, cause: UUID, at: datetime) -> Signal:
    """The person wrote STOP: everything is withdrawn, at all numbers of the tenant."""
    return Signal(tenant_id, person, cause, "stopped", "keyword_stop", at)


def start(tenant_id: UUID, person: str, cause: UUID, at: datetime) -> Signal:
    """The person wrote START: what STOP took is given back, and nothing else arises."""
    return Signal(tenant_id, person, cause, "started", "keyword_start", at)


def block(tenant_id: UUID, person: str, cause: UUID, at: datetime) -> Signal:
    """Meta said 131050: the person stopped this business's marketing there, and START does not lift that."""
    return Signal(tenant_id, person, cause, "blocked", "platform_error", at, ("marketing",))


def block_by_preference(tenant_id: UUID, person: str, cause: UUID, at: datetime) -> Signal:
    """Meta said that the person stopped this business's marketing in WhatsApp itself."""
    return Signal(tenant_id, person, cause, "blocked", "platform_preference", at, ("marketing",))


def unblock(tenant_id: UUID, person: str, cause: UUID, at: datetime) -> Signal:
    """The person resumed there: the block is gone, and no consent arises (billing-consent-keys 2.3, rule 4)."""
    return Signal(tenant_id, person, cause, "unblocked", "platform_preference", at, ("marketing",))


def person_of(
    *, tenant_id: UUID, index_key: bytes, data_key: crypto.Key, phone: str | None = None, bsuid: str | None = None
) -> Person:
    """The person behind a phone number in E.164, or else behind a BSUID."""
    kind, name = ("phone", phone) if phone else ("bsuid", bsuid or "")
    return Person(tenant_id, crypto.blind_index(index_key, kind, name), {kind: name}, data_key)


async def give(connection: AsyncConnection, person: Person, agreement: Agreement) -> Recorded:
    """Keep a consent with its evidence. It never lifts what the person stopped (billing-consent-keys 2.3, rule 3)."""
    now = clock.now()
    key = Key(person.tenant_id, person.index, agreement.purpose, agreement.channel)
    act = Act(id=uuid7(), kind="given", source=agreement.source, occurred_at=agreement.given_at or now)
    new = NewAct(
        key=key,
        act=act,
        recorded_at=now,
        cause=act.id,
        evidence=_seal(person, act.id, agreement.sealed),
        particulars=agreement.particulars,
    )
    book = await _record_and_tell(connection, [new])
    return Recorded(id=act.id, given_at=act.occurred_at, recorded_at=now, refusal=_refusal(book.standing(key)))


async def withdraw(
    connection: AsyncConnection, person: Person, *, purpose: Purpose | None, channel: Channel = CHANNEL
) -> list[Stand]:
    """Take one purpose or all of them back, from now on; returns where the person stands.

    Everything is the one parent of the purposes: withdrawing it withdraws each, and withdrawing one leaves the others
    (billing-consent-keys 2.3, rule 5). Nothing can be given to the parent: the law wants each consent apart.
    """
    now = clock.now()
    new = []
    for one in (purpose,) if purpose else PURPOSES:
        act = Act(id=uuid7(), kind="withdrawn", source="api", occurred_at=now)
        key = Key(person.tenant_id, person.index, one, channel)
        new.append(NewAct(key=key, act=act, recorded_at=now, cause=act.id, evidence=_seal(person, act.id, {})))
    book = await _record_and_tell(connection, new)
    return [Stand(cast(Purpose, one.key.purpose), channel, book.standing(one.key), []) for one in new]


async def read(connection: AsyncConnection, *, tenant_id: UUID, person: str) -> list[Stand]:
    """Where a person stands, whichever identity is given; empty for somebody of whom nothing was recorded."""
    names = await aliases.names_of(connection, [Identity(tenant_id, person)])
    rows = await repository.acts(connection, _identities(names))
    book = Book(names, ((repository.key_of(row), repository.act_of(row)) for row in rows))
    by_id = {row.id: row for row in rows}
    standings, found = book.standings(), []
    for purpose in PURPOSES:
        key = Key(tenant_id, book.root(tenant_id, person), purpose, CHANNEL)
        if key in standings:
            told = [_told(by_id.get(one.act.id), one.act, is_carried=one.is_carried) for one in book.counted(key)]
            told.sort(key=lambda one: (one.act.occurred_at, one.recorded_at), reverse=True)
            found.append(Stand(purpose, CHANNEL, standings[key], told[:HISTORY_MAX]))
    return found


async def merge(connection: AsyncConnection, learnt: Mapping[Identity, UUID]) -> None:
    """People turned out to have other names: count anew what was said of them, and tell what that changes.

    `learnt` are the identities with the fact that taught it; the caller holds them.
    """
    names = await aliases.names_of(connection, learnt)
    before = await repository.current(connection, _identities(names))
    rows = await repository.acts(connection, _identities(names))
    if not rows and not before:
        return
    book = Book(names, ((repository.key_of(row), repository.act_of(row)) for row in rows))
    after = dict.fromkeys(before, Standing()) | book.standings()
    await repository.set_current(connection, after)
    await outbox.add(connection, list(carried(before, after, book, learnt)))


async def apply_signals(connection: AsyncConnection, signals: Sequence[Signal]) -> list[Event]:
    """Record what came with facts from outside; returns what they changed, the same at every delivery."""
    if not signals:
        return []
    now = clock.now()
    await _record(
        connection,
        [
            NewAct(
                key=Key(signal.tenant_id, signal.person, purpose),
                act=Act(
                    id=event_id(signal.cause, f"{signal.kind}:{purpose}"),
                    kind=signal.kind,
                    source=signal.source,
                    occurred_at=heard(signal.occurred_at),
                ),
                recorded_at=now,
                cause=signal.cause,
            )
            for signal in signals
            for purpose in signal.purposes
        ],
    )
    rows = await repository.changes(connection, {(signal.tenant_id, signal.cause) for signal in signals})
    return [fact_of(row) for row in rows]


async def words(connection: AsyncConnection, signals: Sequence[Signal]) -> dict[UUID, Word]:
    """By inbound id, the words that were recorded; one that changed nothing is not answered."""
    if not signals:
        return {}
    names = await aliases.names_of(connection, {Identity(signal.tenant_id, signal.person) for signal in signals})
    rows = await repository.acts(connection, _identities(names))
    book = Book(names, ((repository.key_of(row), repository.act_of(row)) for row in rows))
    causes = {event_id(signal.cause, f"{signal.kind}:service"): signal.cause for signal in signals}
    return confirming.words(book, rows, causes)


async def _record_and_tell(connection: AsyncConnection, new: Sequence[NewAct]) -> Book:
    """Record acts of the tenant, and publish what they change with the commit."""
    book = await _record(connection, new)
    rows = await repository.changes(connection, [(one.key.tenant_id, one.act.id) for one in new])
    await outbox.add(connection, [fact_of(row) for row in rows])
    return book


async def _record(connection: AsyncConnection, new: Sequence[NewAct]) -> Book:
    """Add the acts that are new while everybody connected is held; returns them with all that was said before.

    They are recorded after what was there, whatever the clocks of other processes say: the order tells who hears what.
    """
    names = await aliases.hold(connection, {Identity(one.key.tenant_id, one.key.person) for one in new})
    rows = await repository.acts(connection, _identities(names))
    book = Book(names, ((repository.key_of(row), repository.act_of(row)) for row in rows))
    added: list[NewAct] = []
    elsewhere: list[Event] = []
    first = max((row.recorded_at + timedelta.resolution for row in rows), default=None)
    for one in new:
        judged, others = book.add(one)
        if judged is not None:
            added.append(judged if first is None else replace(judged, recorded_at=max(judged.recorded_at, first)))
            elsewhere += [changed(other, one.act.id) for other in others]
            ACTS_RECORDED.labels(one.act.kind).inc()
    if added:
        await repository.add(connection, added)
        # What was carried along is gone without a trace when it turns out to have been lifted before the move.
        has_moves = any(known.moves for known in names.values())
        before = await repository.current(connection, _identities(names)) if has_moves else {}
        await repository.set_current(connection, dict.fromkeys(before, Standing()) | book.standings())
        await outbox.add(connection, elsewhere)
    return book


def _identities(names: Mapping[UUID, Names]) -> list[Identity]:
    return [Identity(tenant_id, one) for tenant_id, known in names.items() for one in sorted(known.identities)]


def _told(row: Any | None, act: Act, *, is_carried: bool) -> Told:
    if row is None:  # a move is no act that was recorded
        return Told(act, act.occurred_at, NO_PARTICULARS, is_carried)
    return Told(act, row.recorded_at, Particulars(row.level, row.text_version, row.language), is_carried)


def _refusal(standing: Standing) -> Conflict | None:
    if standing.is_by_person:
        return WithdrawnByPerson()
    if standing.state == "given":
        return None
    if standing.last_withdrawn_at is not None and standing.state == "withdrawn":
        return WithdrawnLater(standing.last_withdrawn_at)
    return NumberLeft()


def _seal(person: Person, act_id: UUID, evidence: Mapping[str, str]) -> bytes:
    place = crypto.Place(person.tenant_id, "consent_events", "evidence", str(act_id))
    return crypto.seal(person.data_key, place, msgspec.json.encode({**person.name, **evidence}))
