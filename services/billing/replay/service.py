"""Decisions of a replay: which fact explains each transfer of the journal, and whether the books come out the same."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, zip_longest
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.holds import service as holds
from services.billing.ledger import service as ledger
from services.billing.replay import repository
from services.billing.replay.facts import Booked, Facts, Finding, Key
from services.billing.reservations import service as reservations
from services.kernel.contracts.charges import ChargeCaptured, ChargeReleased, MoneyBooked
from services.kernel.contracts.reservations import MessageFunded
from services.kernel.db import Database

BATCH_MAX = 500
FINDINGS_MAX = 5

Advance = Callable[[int], None]
Card = repository.Card


class Books(NamedTuple):
    """A journal and balances, as lines of JSON in a fixed order."""

    journal: Sequence[str]
    balances: Sequence[str]

    @property
    def journal_sha256(self) -> str:
        return _sha256(self.journal)

    @property
    def balances_sha256(self) -> str:
        return _sha256(self.balances)


def _sha256(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


async def read_books(database: Database) -> tuple[Books, list[Card]]:
    """The books of one moment, with the cards that they were priced by."""
    async with database.transaction() as connection:
        await repository.take_snapshot(connection)
        cards = await repository.list_cards(connection)
        journal = [line async for line in repository.journal(connection)]
        return Books(journal, await repository.balances(connection)), cards


async def prepare(owner: Database, books: Books, cards: Sequence[Card]) -> None:
    """Make an empty schema ready, as its owner: the same cards, accounts for every tenant, no limits."""
    tenants: dict[str, set[UUID]] = {}
    for line in books.journal:
        tenant_id, _, _, _, _, _, currency, *_ = json.loads(line)
        tenants.setdefault(currency, set()).add(UUID(tenant_id))
    async with owner.transaction() as connection:
        await repository.add_cards(connection, cards)
        for currency, ids in tenants.items():
            await ledger.lock_wallets(connection, list(ids), currency)
        await repository.lift_limits(connection)


async def apply(database: Database, journal: Sequence[str], facts: Facts, advance: Advance) -> list[Finding]:
    """Book every transfer of the journal again, in its sequence, from the facts alone; what could not be."""
    findings: list[Finding] = []
    wanted = list(_facts_of(journal, facts, findings))
    for _, run in groupby(wanted, key=_run_of):
        for batch in _batched(list(run)):
            async with database.transaction() as connection:
                await _book(connection, batch, facts)
            advance(len(batch))
    return findings


def used_keys(journal: Sequence[str]) -> set[Key]:
    """Which transfers a journal has."""
    return {_key_of_line(line) for line in journal}


def _key_of_line(line: str) -> Key:
    tenant_id, about, step, *_ = json.loads(line)
    return UUID(tenant_id).int, UUID(about).int, step


def _facts_of(journal: Sequence[str], facts: Facts, findings: list[Finding]) -> Iterator[Booked]:
    for line in journal:
        fact = facts.booked.get(_key_of_line(line))
        if fact is not None:
            yield fact
        elif len(findings) < FINDINGS_MAX:
            findings.append(Finding(f"no fact says this transfer: {line}"))


def _run_of(fact: Booked) -> tuple[object, ...]:
    """Neighbours with the same answer were one statement, and can be again."""
    match fact:
        case MessageFunded():
            return "reserve", fact.occurred_at, fact.currency, fact.rate_card_version
        case ChargeCaptured():
            return "reached", fact.occurred_at, fact.currency
        case ChargeReleased():
            return _outcome(fact), fact.occurred_at, fact.currency
        case MoneyBooked():
            return "by hand", fact.transfer_id, fact.kind


def _batched(run: Sequence[Booked]) -> Iterator[Sequence[Booked]]:
    return (run[at : at + BATCH_MAX] for at in range(0, len(run), BATCH_MAX))


async def _book(connection: AsyncConnection, batch: Sequence[Booked], facts: Facts) -> None:
    match batch[0]:
        case MessageFunded():
            await reservations.reserve_again(connection, [fact for fact in batch if isinstance(fact, MessageFunded)])
        case ChargeCaptured() | ChargeReleased() as first:
            ended = [_ended(fact) for fact in batch if isinstance(fact, ChargeCaptured | ChargeReleased)]
            await reservations.end_again(connection, ended, currency=first.currency, at=first.occurred_at)
        case MoneyBooked() as booking:
            await _book_by_hand(connection, booking, facts)


def _ended(fact: ChargeCaptured | ChargeReleased) -> reservations.Ended:
    outcome: reservations.Outcome = "reached" if isinstance(fact, ChargeCaptured) else _outcome(fact)
    return reservations.Ended(fact.tenant_id, fact.message_id, fact.id, outcome)


def _outcome(fact: ChargeReleased) -> reservations.Outcome:
    return "overdue" if fact.is_overdue else fact.reason


async def _book_by_hand(connection: AsyncConnection, fact: MoneyBooked, facts: Facts) -> None:
    about = {"tenant_id": fact.tenant_id, "hold_id": fact.transfer_id}
    if fact.kind in ("top_up", "adjustment"):
        await ledger.book_again(connection, fact)
    elif fact.kind == "hold":
        how = {"amount_micros": fact.amount_micros, "currency": fact.currency, "at": fact.occurred_at}
        await holds.hold_again(connection, **about, **how)  # type: ignore[arg-type]  # the fields of one fact
    else:
        await _end_hold(connection, fact, facts)


async def _end_hold(connection: AsyncConnection, fact: MoneyBooked, facts: Facts) -> None:
    """A capture and the return of its rest are one act: it is booked with the first of the two."""
    captured = facts.booked.get((fact.tenant_id.int, fact.transfer_id.int, 2))
    if fact.kind == "hold_return" and captured is not None:
        return
    captured_micros = captured.amount_micros if isinstance(captured, MoneyBooked) else 0
    await holds.end_again(
        connection,
        tenant_id=fact.tenant_id,
        hold_id=fact.transfer_id,
        captured_micros=captured_micros,
        at=fact.occurred_at,
    )


def differences(ours: Books, again: Books) -> list[Finding]:
    """Where the two journals, or the two lists of balances, first differ; nothing when their hashes are equal."""
    findings: list[Finding] = []
    for name, one, other in (
        ("journal", ours.journal, again.journal),
        ("balances", ours.balances, again.balances),
    ):
        if _sha256(one) != _sha256(other):
            findings.append(_first_difference(name, one, other))
    return findings


def _first_difference(name: str, one: Sequence[str], other: Sequence[str]) -> Finding:
    number, (mine, theirs) = next(
        (number, pair)
        for number, pair in enumerate(zip_longest(one, other, fillvalue="nothing"), start=1)
        if pair[0] != pair[1]
    )
    return Finding(f"{name}, line {number}: the books say {mine}, the facts say {theirs}")


def unused(facts: Facts, journal: Sequence[str], until: datetime) -> list[Finding]:
    """Facts from before a moment whose transfer the journal does not have."""
    missing = list(facts.unused(used_keys(journal), until))
    return [Finding(f"the journal has no transfer for this fact: {fact}") for fact in missing[:FINDINGS_MAX]]
