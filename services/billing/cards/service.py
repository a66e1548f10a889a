"""Decisions about rate cards: one is read whole, asked for by one person, approved by another one, and then added."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.cards import repository
from services.billing.cards.errors import CardRefused, TimePassed, TimeTaken, WrongTime
from services.billing.rating import documents
from services.billing.rating import service as rating
from services.billing.rating.documents import Document
from services.billing.rating.errors import MalformedCard
from services.kernel import clock
from services.kernel.approvals import service as approvals
from services.kernel.approvals.service import Approval
from services.kernel.contracts.messages import Category
from services.kernel.money import text_of

KIND = "rate_card"  # as the database names it (add_rate_card)
# A card is known to every process before it is in force: they look again within rating.REMEMBERED.
NOTICE = 2 * rating.REMEMBERED
COMMIT_MAX = timedelta(seconds=2)  # from here to the moment at which every process can read it
AHEAD_MAX = timedelta(days=3 * 366)  # a later time is a typing error
LIST_MAX = 100
NAME_CHARACTERS_MAX = 80  # of a field that no card has, in a complaint
FIELDS = frozenset({"currency", "mode", "tiers", "free_in_window", "free_in_entry_point"})
CATEGORIES = frozenset(get_args(Category))


class Listed(NamedTuple):
    """A version of the price list, and whether messages are priced by it now."""

    version: int
    document: dict[str, Any]
    effective_from: datetime
    approval_id: UUID | None
    is_in_force: bool


async def request(
    connection: AsyncConnection,
    *,
    card: Mapping[str, Any],
    effective_from: datetime | None,
    reason: str,
    requested_by: str,
) -> Approval:
    """Ask for a card, one at a time for each moment; without a time it is in force NOTICE after its approval.

    Raises CardRefused, WrongTime, TimeTaken.
    """
    document = await _check(connection, card)
    moment = None if effective_from is None else await _moment(connection, effective_from)
    return await approvals.request(
        connection,
        kind=KIND,
        key=moment or "next",
        payload={"card": written(document), "effective_from": moment},
        reason=reason,
        requested_by=requested_by,
    )


async def _moment(connection: AsyncConnection, effective_from: datetime) -> str:
    now = clock.now()
    if effective_from < now + NOTICE:
        raise WrongTime(
            f"effective_from: it must lie at least {NOTICE.seconds} s ahead; leave it out for the next moment"
        )
    if effective_from > now + AHEAD_MAX:
        raise WrongTime(f"effective_from: it lies more than {AHEAD_MAX.days} days ahead")
    await _check_time(connection, effective_from)
    return effective_from.astimezone(UTC).isoformat()


async def add(connection: AsyncConnection, approval: Approval) -> dict[str, Any]:
    """The act: the card that was approved becomes the next version. Raises TimePassed, TimeTaken, CardRefused."""
    await _check(connection, approval.payload["card"])
    soonest = clock.now() + NOTICE
    asked = approval.payload["effective_from"]
    effective_from = soonest if asked is None else datetime.fromisoformat(asked)
    if effective_from < soonest:
        raise TimePassed("the card waited beyond its effective_from: refuse it, and ask for a later time")
    await _check_time(connection, effective_from)
    version = await repository.add(connection, approval.id, effective_from)
    if clock.now() + rating.REMEMBERED + COMMIT_MAX > effective_from:  # it waited for another one that was added
        raise TimePassed("adding the card took too long: approve it once more")
    return {"version": version, "effective_from": effective_from.isoformat()}


async def list_newest(connection: AsyncConnection) -> list[Listed]:
    """Every version, the latest first."""
    now = clock.now()
    stored = await repository.list_newest(connection, LIST_MAX)
    in_force = next((row.version for row in stored if row.effective_from <= now), None)
    return [
        Listed(
            row.version,
            written(rating.read_card(row.version, row.card)),
            row.effective_from,
            row.approval_id,
            row.version == in_force,
        )
        for row in stored
    ]


def written(card: Document | rating.RateCard) -> dict[str, Any]:
    """A card as a document that holds nothing but what was understood of it."""
    return {
        "currency": card.currency,
        "mode": card.mode,
        "tiers": [[tier.up_to, text_of(tier.unit_micros), text_of(tier.flat_micros)] for tier in card.tiers],
        "free_in_window": sorted(card.free_in_window),
        "free_in_entry_point": sorted(card.free_in_entry_point),
    }


async def _check(connection: AsyncConnection, card: Mapping[str, Any]) -> Document:
    in_force = await rating.card_in_force(connection, clock.now())
    try:
        return _read(card, in_force.currency)
    except MalformedCard as error:
        raise CardRefused(f"card.{error}") from error


def _read(card: Mapping[str, Any], currency: str) -> Document:
    """Beside its shape: what a card must be to price messages one by one."""
    if unknown := sorted(card.keys() - FIELDS):
        raise MalformedCard(_named(unknown[0]), f"a card has no such field; it has {', '.join(sorted(FIELDS))}")
    document = documents.read(card)
    if document.currency != currency:
        raise MalformedCard("currency", f"wallets are in {currency}: a card in another one would find no money")
    _check_flats(document)
    _check_categories(document)
    return document


def _named(field: str) -> str:
    """A field that somebody made up, as an answer can carry it: half a surrogate pair is text for JSON alone."""
    is_plain = field.isidentifier() and len(field) <= NAME_CHARACTERS_MAX
    return field if is_plain else documents.quoted(field)


def _check_flats(document: Document) -> None:
    if document.mode == "volume":
        for row, tier in enumerate(document.tiers, start=1):
            if tier.flat_micros:
                reason = "a volume card that prices messages one by one has no flat fees: each tier would add its own"
                raise MalformedCard("tiers", reason, row=row)


def _check_categories(document: Document) -> None:
    for field in ("free_in_window", "free_in_entry_point"):
        if unknown := sorted(getattr(document, field) - CATEGORIES):
            raise MalformedCard(field, f"{unknown[0]!r} is no category; there are {', '.join(sorted(CATEGORIES))}")


async def _check_time(connection: AsyncConnection, effective_from: datetime) -> None:
    if await repository.is_taken(connection, effective_from):
        raise TimeTaken("effective_from: another card is in force from that very moment")
