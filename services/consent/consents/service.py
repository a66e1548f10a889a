"""Recording what people agreed to and took back, and saying what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.consent.consents import repository
from services.consent.consents.errors import WithdrawnByPerson, WithdrawnLater
from services.consent.consents.fold import Act, ActKind, Standing, fold, moment
from services.consent.consents.metrics import ACTS_RECORDED
from services.consent.consents.repository import Key, NewAct
from services.kernel import clock, crypto
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.conversations import ConsentGiven, ConsentWithdrawn, Purpose
from services.kernel.errors import Conflict
from services.kernel.kafka import outbox

PURPOSES: tuple[Purpose, ...] = ("service", "authentication", "marketing")
HISTORY_MAX = 300  # acts of one person that a list shows; the rest stays in the database


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a tenant, with what it takes to seal evidence about them."""

    tenant_id: UUID
    index: str
    phone: str
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


def person_of(*, tenant_id: UUID, phone: str, index_key: bytes, data_key: crypto.Key) -> Person:
    """The person behind a phone number in E.164."""
    return Person(tenant_id, crypto.blind_index(index_key, "phone", phone), phone, data_key)


async def give(
    connection: AsyncConnection, person: Person, *, purpose: Purpose, source: str, words: str, given_at: datetime | None
) -> Recorded:
    """Keep a consent with its evidence. It never lifts what the person stopped (billing-consent-keys 2.3, rule 3)."""
    now = clock.now()
    act = Act(id=uuid7(), kind="given", source=source, occurred_at=given_at or now)
    standings = await _record_for(connection, person, [(purpose, act)], now=now, words=words)
    refusal = _refusal(standings[Key(person.tenant_id, person.index, purpose)])
    return Recorded(id=act.id, given_at=act.occurred_at, recorded_at=now, refusal=refusal)


async def withdraw(connection: AsyncConnection, person: Person, *, purpose: Purpose | None) -> Sequence[Any]:
    """Take one purpose or all of them back, from now on; returns where the person stands."""
    now = clock.now()
    wanted = (purpose,) if purpose else PURPOSES
    acts = [(one, Act(id=uuid7(), kind="withdrawn", source="api", occurred_at=now)) for one in wanted]
    await _record_for(connection, person, acts, now=now)
    rows = await repository.states(connection, tenant_id=person.tenant_id, person=person.index)
    return [row for row in rows if row.purpose in wanted]


async def read(connection: AsyncConnection, *, tenant_id: UUID, person: str) -> tuple[list[Any], dict[str, list[Any]]]:
    """The purposes of a person, and the acts of each, newest first; both empty for an unknown person."""
    states = await repository.states(connection, tenant_id=tenant_id, person=person)
    acts = await repository.history(connection, tenant_id=tenant_id, person=person, count=HISTORY_MAX)
    by_purpose = {
        purpose: list(rows) for purpose, rows in groupby(sorted(acts, key=_purpose_of), key=_purpose_of)
    }  # sorted() is stable: newest first stays
    return list(states), by_purpose


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
                    occurred_at=signal.occurred_at,
                ),
                recorded_at=now,
                cause=signal.cause,
            )
            for signal in signals
            for purpose in signal.purposes
        ],
    )
    rows = await repository.changes(connection, {(signal.tenant_id, signal.cause) for signal in signals})
    return [_fact(row) for row in rows]


async def _record_for(
    connection: AsyncConnection,
    person: Person,
    acts: Sequence[tuple[Purpose, Act]],
    *,
    now: datetime,
    words: str | None = None,
) -> dict[Key, Standing]:
    """Record acts of the tenant with their sealed evidence, and publish what they change with the commit."""
    new = [
        NewAct(
            key=Key(person.tenant_id, person.index, purpose),
            act=act,
            recorded_at=now,
            cause=act.id,
            evidence=_seal(person, act.id, words),
        )
        for purpose, act in acts
    ]
    standings = await _record(connection, new)
    rows = await repository.changes(connection, [(person.tenant_id, act.id) for _, act in acts])
    await outbox.add(connection, [_fact(row) for row in rows])
    return standings


async def _record(connection: AsyncConnection, new: Sequence[NewAct]) -> dict[Key, Standing]:
    """Add the acts that are new, under the locks of their purposes; returns where each purpose stands now."""
    keys = list(dict.fromkeys(one.key for one in new))
    await repository.lock(connection, keys)
    history = await repository.acts(connection, keys)
    added = [judged for one in new if (judged := _join(history.setdefault(one.key, []), one))]
    standings = {key: fold(history[key]) for key in keys}
    if added:
        await repository.add(connection, added)
        await repository.set_current(connection, standings)
    for one in added:
        ACTS_RECORDED.labels(one.act.kind).inc()
    return standings


def _join(history: list[Act], new: NewAct) -> NewAct | None:
    """Put an act into its history; returns it with the change it made, or None when it was there already."""
    if any(act.id == new.act.id for act in history):
        return None
    act = new.act
    if act.kind == "withdrawn":  # "from now on", also when the clock of another process runs ahead of ours
        act = replace(act, occurred_at=max([act.occurred_at, *(moment(known) for known in history)]))
    before = fold(history)
    history.append(act)
    after = fold(history)
    change, consent_id = _change(before, after, act)
    return replace(new, act=act, change=change, consent_id=consent_id)


def _change(before: Standing, after: Standing, act: Act) -> tuple[str | None, UUID | None]:
    if after.state == "given" and (before.state != "given" or before.consent_id != after.consent_id):
        return "given", after.consent_id
    if after.state == "withdrawn" and before.state != "withdrawn":
        return "withdrawn", before.consent_id or act.id
    return None, None


def _refusal(standing: Standing) -> Conflict | None:
    if standing.is_by_person:
        return WithdrawnByPerson()
    if standing.state != "given" and standing.last_withdrawn_at is not None:
        return WithdrawnLater(standing.last_withdrawn_at)
    return None


def _seal(person: Person, act_id: UUID, words: str | None) -> bytes:
    place = crypto.Place(person.tenant_id, "consent_events", "evidence", str(act_id))
    return crypto.seal(person.data_key, place, msgspec.json.encode({"phone": person.phone, "text": words}))


def _fact(row: Any) -> ConsentGiven | ConsentWithdrawn:
    fact = ConsentGiven if row.change == "given" else ConsentWithdrawn
    return fact(
        id=event_id(row.id, row.change),
        occurred_at=row.occurred_at,
        tenant_id=row.tenant_id,
        consent_id=row.consent_id,
        person=row.person,
        purpose=row.purpose,
        source=row.source,
    )


def _purpose_of(row: Any) -> str:
    return str(row.purpose)
