"""The 24 hours after a person's message and the 72 hours of an ad's entry point, by Meta's times (hot path).

A window opens with the person's message. An entry point opens with the first answer, given within 24 hours, to a
person who came from an ad or a page's button, and lasts 72 hours from that answer; neither changes the other
(whatsapp-cloud-api 6.1). Both are maxima and minima over what was heard, so that lateness, order and repeats do not
matter. An answer that was reported before its referral arrived is not counted: that costs money, never trust.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import service as aliases
from services.consent.aliases.names import Identity
from services.consent.aliases.service import Recognised
from services.consent.consents.service import Word
from services.consent.times.service import heard
from services.consent.windows import repository
from services.consent.windows.repository import Carrying, Expiry, Key
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import InboundJudged

LENGTH = timedelta(hours=24)  # whatsapp-cloud-api: the customer service window
ANSWER_WITHIN = timedelta(hours=24)
ENTRY_POINT_LENGTH = timedelta(hours=72)
#: Meta tells us of these like of messages, and in none of them does a person say something new; documented is only
#: that a message opens the window. One that we believe closed costs a template, one that we believe open a refusal.
OPEN_NO_WINDOW = frozenset({"system", "request_welcome", "reaction", "edit", "revoke"})


NONE: Mapping[UUID, Word] = MappingProxyType({})


class Answered(NamedTuple):
    """A message to a person that Meta has sent, and when."""

    tenant_id: UUID
    phone_number_id: str
    person: str
    at: datetime


async def judge(
    connection: AsyncConnection, inbound: Sequence[Recognised], words: Mapping[UUID, Word] = NONE
) -> list[InboundJudged]:
    """Open or extend the windows of a batch; says of every message until when its sender may be answered.

    Where no window was ever open, that is the moment of the message itself. `words` are the STOPs and STARTs among the
    messages, by inbound id: a STOP that is heard again is no later message, also where it is dated ahead.
    """
    inbound = [
        one._replace(at=words[one.message.inbound_id].at) if one.message.inbound_id in words else one for one in inbound
    ]
    opening = [one for one in inbound if one.message.kind not in OPEN_NO_WINDOW]
    await repository.extend(connection, list(_times(opening)), length=LENGTH)
    referred = [one for one in opening if "ad_referral" in one.message.signals]
    if referred:
        await repository.refer(connection, list(_times(referred)))
    keys = [Key(one.message.tenant_id, one.message.phone_number_id, one.person) for one in inbound]
    expiries = await repository.expiries(connection, set(keys))
    return [
        _judged(one, expiries.get(key, Expiry(one.at, None)), words.get(one.message.inbound_id))
        for one, key in zip(inbound, keys, strict=True)
    ]


async def answer(connection: AsyncConnection, answered: Sequence[Answered]) -> None:
    """Open the entry points of people who came from an ad and have now been answered in time."""
    names = await aliases.names_of(connection, {Identity(one.tenant_id, one.person) for one in answered})
    times = [
        (Key(one.tenant_id, one.phone_number_id, person), heard(one.at))
        for one in answered
        for person in {one.person, names[one.tenant_id].root(one.person)}
    ]
    if changed := await repository.answer(connection, times, length=ANSWER_WITHIN):
        await repository.set_entry_points(connection, changed, length=ENTRY_POINT_LENGTH)


async def may_be_answers(connection: AsyncConnection, times: Iterable[datetime]) -> bool:
    """Whether anybody at all came from an ad in time for messages of these moments to be answers."""
    moments = [heard(at) for at in times]
    if not moments:
        return False
    return await repository.is_any_referred(connection, earliest=min(moments) - ANSWER_WITHIN, latest=max(moments))


async def merge(connection: AsyncConnection, learnt: Mapping[Identity, UUID]) -> None:
    """People turned out to have other names: what one of them opened is open for the person."""
    names = await aliases.names_of(connection, learnt)
    carryings = [Carrying(tenant_id, *one) for tenant_id, known in names.items() for one in known.carried()]
    if not carryings:
        return
    if touched := await repository.carry(connection, carryings):
        await repository.set_entry_points(connection, touched, length=ENTRY_POINT_LENGTH)


def _times(inbound: Iterable[Recognised]) -> Iterable[tuple[Key, datetime]]:
    for one in inbound:
        for person in one.counts_for:
            yield Key(one.message.tenant_id, one.message.phone_number_id, person), one.at


def _judged(one: Recognised, expiry: Expiry, word: Word | None) -> InboundJudged:
    message = one.message
    return InboundJudged(
        id=event_id(message.inbound_id, "judged"),
        occurred_at=message.occurred_at,
        tenant_id=message.tenant_id,
        inbound_id=message.inbound_id,
        phone_number_id=message.phone_number_id,
        person=one.person,
        window_expires_at=expiry.window,
        confirm=word.confirm if word else None,
        entry_point_expires_at=expiry.entry_point,
    )
