"""Somebody who is known by the number is the same person when Meta names the BSUID alone."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import repository, service
from services.consent.aliases.names import Identity, Seen
from services.kernel.contracts.conversations import ConsentGiven, ConsentWithdrawn, InboundJudged
from services.kernel.contracts.inbound import InboundReceived, Signal
from tests.consent.stand import HOUR, NOON, Consent, inbound, person_id, phone, renamed

TENANT = UUID("01930000-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("01930000-0000-7000-8000-000000000002")
PERSON, BSUID = person_id("by number"), person_id("by user id")
DAY = timedelta(hours=24)


def with_both_names(person: str = PERSON, tenant_id: UUID = TENANT) -> InboundReceived:
    return msgspec.structs.replace(inbound(tenant_id, person, NOON), bsuid=BSUID)


def by_user_id(*signals: Signal, tenant_id: UUID = TENANT) -> InboundReceived:
    return inbound(tenant_id, BSUID, NOON + HOUR, *signals)


async def persons(consent: Consent, *messages: InboundReceived) -> list[str]:
    return [fact.person for fact in await consent.hears(*messages) if not isinstance(fact, ConsentGiven)]


async def test_a_message_under_the_user_id_opens_the_window_of_the_number(consent: Consent) -> None:
    await consent.hears(with_both_names())
    await consent.hears(by_user_id())
    [fact] = [one for one in await consent.hears(with_both_names()) if isinstance(one, InboundJudged)]
    assert (fact.person, fact.window_expires_at) == (PERSON, NOON + HOUR + DAY)


async def test_a_stop_under_the_user_id_stops_messages_to_the_number(consent: Consent) -> None:
    await consent.hears(with_both_names())
    facts = await consent.hears(by_user_id("stop"))
    stopped = [fact for fact in facts if isinstance(fact, ConsentWithdrawn)]
    assert {(fact.person, fact.purpose) for fact in stopped} == {
        (PERSON, purpose) for purpose in ("service", "authentication", "marketing")
    }


async def test_both_names_may_come_in_one_batch(consent: Consent) -> None:
    assert await persons(consent, with_both_names(), by_user_id()) == [PERSON, PERSON]


async def test_a_user_id_without_a_number_is_a_person_of_its_own(consent: Consent) -> None:
    assert await persons(consent, by_user_id()) == [BSUID]


async def test_one_tenants_people_are_not_anothers(consent: Consent) -> None:
    await consent.hears(with_both_names())
    assert await persons(consent, by_user_id(tenant_id=OTHER_TENANT)) == [BSUID]


async def test_a_user_id_follows_the_newest_number(consent: Consent) -> None:
    newer = msgspec.structs.replace(with_both_names(person_id("new")), occurred_at=NOON + HOUR)
    await consent.hears(newer)
    await consent.hears(with_both_names())
    assert await persons(consent, by_user_id()) == [person_id("new")]


async def test_everybody_connected_is_found_without_asking_of_anybody_twice(
    consent: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A BSUID at two numbers, a notice from the second: one look at each step outwards, and one that finds no more."""
    first, second, third, other = (person_id(f"round {number}") for number in range(4))
    await consent.hears(with_both_names(first), with_both_names(second))
    await consent.hears(msgspec.structs.replace(inbound(TENANT, second, NOON), bsuid=other))
    await consent.is_told(renamed(TENANT, phone("round 1"), phone("round 2"), NOON + HOUR))
    looks: list[int] = []
    look = repository.seen

    async def counted(connection: AsyncConnection, identities: Iterable[Identity]) -> list[tuple[UUID, Seen]]:
        looks.append(1)
        return await look(connection, identities)

    monkeypatch.setattr(repository, "seen", counted)
    async with consent.database.transaction() as connection:
        names = await service.names_of(connection, [Identity(TENANT, first)])
    assert names[TENANT].identities == {BSUID, first, second, third, other}
    assert len(looks) <= 4
