"""The facts that others hear of: a purpose of a person became given, or stopped being so."""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from services.consent.aliases.names import Identity
from services.consent.consents.book import Book, change_of
from services.consent.consents.fold import Standing, State
from services.consent.consents.repository import Change, Key
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.conversations import ConsentGiven, ConsentWithdrawn, Purpose


def carried(
    before: Mapping[Key, tuple[str, UUID | None]],
    after: Mapping[Key, Standing],
    book: Book,
    learnt: Mapping[Identity, UUID],
) -> Iterable[Event]:
    """What learning names changed, told of the person and not of each identity."""
    cause = next(iter(learnt.values()))
    for key, standing in after.items():
        if key.person != book.root(key.tenant_id, key.person):
            continue
        state, consent_id = before.get(key, ("unknown", None))
        was = Standing(state=cast(State, state), consent_id=consent_id)
        change = change_of(key, was, standing, cause=cause)
        if change is not None:
            yield changed(change, learnt.get(Identity(key.tenant_id, key.person), cause))


def fact_of(row: Any) -> ConsentGiven | ConsentWithdrawn:
    """What a recorded act changed, as its row says."""
    key = Key(row.tenant_id, row.person, row.purpose)
    return _said(Change(key, row.change, row.consent_id, row.occurred_at, row.source), event_id(row.id, row.change))


def changed(change: Change, cause: UUID) -> ConsentGiven | ConsentWithdrawn:
    """What a fact about one identity changed for a person under another."""
    return _said(change, event_id(cause, f"{change.change}:{change.key.purpose}:{change.key.person}"))


def _said(change: Change, id_: UUID) -> ConsentGiven | ConsentWithdrawn:
    fact = ConsentGiven if change.change == "given" else ConsentWithdrawn
    return fact(
        id=id_,
        occurred_at=change.since,
        tenant_id=change.key.tenant_id,
        consent_id=change.consent_id,
        person=change.key.person,
        purpose=cast(Purpose, change.key.purpose),
        source=change.source,
    )
