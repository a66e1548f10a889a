"""Decides whether a message would go out: the door's own checks, then consent's word, then billing's price."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from services.gateway.graph import checking
from services.gateway.graph.checking import Sound
from services.gateway.graph.errors import GraphError
from services.gateway.graph.service import Door
from services.gateway.messages.reasons import words
from services.gateway.tenants.service import ApiPrincipal
from services.kernel.client import InternalClient
from services.kernel.errors import TooManyRequests, Unavailable, Unprocessable

PATIENCE_SECONDS = 2.0  # for one owner
INVALID = "invalid"
UNPAYABLE_CODE = 131042  # Meta's "payment issue", as billing answers a message that the wallet does not cover

T = TypeVar("T")


class Step(msgspec.Struct, frozen=True):
    """A rule that was asked, with its words."""

    rule: str
    version: int
    outcome: str
    facts: dict[str, Any]
    text: str
    text_ru: str


class Judged(msgspec.Struct, frozen=True):
    """Consent's word; the two times are None where nothing is open."""

    outcome: Literal["cleared", "refused"]
    policy: str
    trace: list[Step]
    code: int | None = None
    reason: str | None = None
    window_expires_at: datetime | None = None
    entry_point_expires_at: datetime | None = None


class Quoted(msgspec.Struct, frozen=True):
    """Billing's price as it stands now; `position` and `tier` are None where the message is free."""

    price_micros: int
    currency: str
    is_free: bool
    position: int | None
    month: str
    rate_card_version: int
    tier: int | None
    is_covered: bool
    reason: str | None


class Refusal(NamedTuple):
    """Meta's code, our reason, and words for a person."""

    code: int
    reason: str
    text: str


class Verdict(NamedTuple):
    """`sound` and what follows from it are None for a message that the door itself would refuse."""

    refusal: Refusal | None
    sound: Sound | None = None
    judged: Judged | None = None
    quoted: Quoted | None = None


async def check(door: Door, clients: Mapping[str, InternalClient], principal: ApiPrincipal, raw: bytes) -> Verdict:
    """What would become of the message; raises Unprocessable, TooManyRequests, Unavailable."""
    try:
        item = checking.read_item(raw)
    except GraphError as error:
        raise Unprocessable(error.message) from None
    try:
        sound = await checking.examine(door, principal, item)
    except GraphError as error:
        return Verdict(_refused_by_the_door(error))
    judged = await _judged(clients["consent"], principal, item.phone_number_id, sound)
    quoted = await _quoted(clients["billing"], principal, sound, judged)
    return Verdict(_refusal(judged, quoted), sound, judged, quoted)


def _refused_by_the_door(error: GraphError) -> Refusal:
    """Raises TooManyRequests, Unavailable: what passes by itself says nothing about the message."""
    if error.status == 429:
        raise TooManyRequests(error.message, error.retry_after_seconds or 1) from error
    if error.status >= 500:
        raise Unavailable(error.message, error.retry_after_seconds or 1) from error
    return Refusal(error.graph_code, INVALID, error.message)


async def _judged(consent: InternalClient, principal: ApiPrincipal, phone_number_id: str, sound: Sound) -> Judged:
    question = {
        "tenant_id": principal.tenant_id,
        "phone_number_id": phone_number_id,
        "person": sound.examined.person,
        "kind": sound.send.kind,
        "category": sound.examined.category,
        "country": sound.send.country,
    }
    return await _ask(consent, "/internal/checks", question, Judged)


async def _quoted(billing: InternalClient, principal: ApiPrincipal, sound: Sound, judged: Judged) -> Quoted:
    """Asked after consent: whether a message is free may hang on the window."""
    question = {
        "tenant_id": principal.tenant_id,
        "kind": sound.send.kind,
        "category": sound.examined.category,
        "is_in_window": judged.window_expires_at is not None,
        "is_in_entry_point": judged.entry_point_expires_at is not None,
        "max_price_micros": sound.send.max_price_micros,
    }
    return await _ask(billing, "/internal/quotes", question, Quoted)


async def _ask(owner: InternalClient, path: str, question: object, type_: type[T]) -> T:
    """Raises Unavailable also for an answer that is none: a tenant that the owner does not know yet, for one."""
    answer = await owner.exchange("POST", path, body=msgspec.json.encode(question), timeout_seconds=PATIENCE_SECONDS)
    if answer.status != 200:
        raise Unavailable("the message could not be judged just now; try again")
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError as error:
        raise Unavailable("the message could not be judged just now; try again") from error


def _refusal(judged: Judged, quoted: Quoted) -> Refusal | None:
    """Consent is asked first, as in a message's life."""
    if judged.outcome == "refused":
        reason = judged.reason or "policy"
        return Refusal(judged.code or 0, reason, words(reason))
    if not quoted.is_covered:
        reason = quoted.reason or "no_balance"
        return Refusal(UNPAYABLE_CODE, reason, words(reason))
    return None
