"""What is said under one name counts for the person, whichever of names and acts is learnt first."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.consent.consents import service as consents
from services.kernel import crypto
from services.kernel.contracts import EVENT_TYPES, Event
from services.kernel.contracts.conversations import ConsentGiven, ConsentWithdrawn, Purpose
from services.kernel.contracts.inbound import InboundReceived, Signal
from services.kernel.contracts.platform import PersonRenamed, PreferenceChanged
from services.kernel.db import Database
from tests.consent.stand import (
    HOUR,
    NOON,
    Consent,
    accepted,
    agreement,
    bsuid,
    inbound,
    person_id,
    phone,
    preferred,
    renamed,
)

TENANT = UUID("01930000-0000-7000-8000-000000000001")
KEY = crypto.Key(uuid4(), crypto.random_key())
OLD, NEW = phone("old"), phone("new")
USER, NEXT = bsuid("old"), bsuid("new")


def wrote(number: str, user: str | None, hours: float, *signals: Signal, tenant_id: UUID = TENANT) -> InboundReceived:
    """A message that names the number, and the BSUID if there is one."""
    return msgspec.structs.replace(inbound(tenant_id, number, NOON + hours * HOUR, *signals), bsuid=user)


async def agrees(
    consent: Consent, person: str, hours: float, purpose: Purpose = "service", *, tenant: UUID = TENANT
) -> None:
    who = consents.Person(tenant, person, {"phone": "+79161234567"}, KEY)
    async with consent.database.transaction() as connection:
        await consents.give(connection, who, agreement(purpose, given_at=NOON + hours * HOUR))


async def state(consent: Consent, person: str, purpose: str = "service") -> str | None:
    """As the row says that clearance reads."""
    async with consent.database.transaction() as connection:
        found = await connection.scalar(
            text("select state from consents where tenant_id = :tenant and person = :person and purpose = :purpose"),
            {"tenant": TENANT, "person": person, "purpose": purpose},
        )
    return str(found) if found else None


async def published(database: Database) -> list[Any]:
    async with database.transaction() as connection:
        rows: Sequence[Any] = (await connection.execute(text("select event_type, value from outbox order by id"))).all()
    return [msgspec.json.decode(row.value, type=EVENT_TYPES[row.event_type]) for row in rows]


async def test_a_stop_of_somebody_who_is_later_known_stops_the_number(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await consent.hears(wrote(USER.index, None, 1, "stop"))
    assert await state(consent, OLD.index) == "given"
    await consent.hears(wrote(OLD.index, USER.index, 2))
    assert await state(consent, OLD.index) == await state(consent, USER.index) == "withdrawn"


async def test_what_learning_a_name_changes_is_told_of_the_person_once(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await consent.hears(wrote(USER.index, None, 1, "stop"))
    message = wrote(OLD.index, USER.index, 2)
    await consent.hears(message)
    await consent.hears(message)
    facts = [fact for fact in await published(consent.database) if fact.person == OLD.index]
    assert [(type(fact), fact.purpose) for fact in facts if fact.purpose == "service"] == [
        (ConsentGiven, "service"),
        (ConsentWithdrawn, "service"),
    ]
    assert facts[0].consent_id == facts[1].consent_id


async def test_a_stop_of_a_known_number_also_stops_the_user_id(consent: Consent) -> None:
    await consent.hears(wrote(OLD.index, USER.index, 0))
    await agrees(consent, USER.index, 1)
    assert await state(consent, OLD.index) == await state(consent, USER.index) == "given"
    await consent.hears(wrote(OLD.index, None, 2, "stop"))
    assert await state(consent, OLD.index) == await state(consent, USER.index) == "withdrawn"


async def test_a_new_number_inherits_the_stop_and_not_the_consent(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await agrees(consent, OLD.index, 0, "marketing")
    await consent.is_told(preferred(TENANT, OLD.index, "stop", NOON + HOUR))
    await consent.is_told(renamed(TENANT, OLD, NEW, NOON + 2 * HOUR))
    assert await state(consent, OLD.index) == "unknown"
    assert await state(consent, OLD.index, "marketing") == "withdrawn"
    assert await state(consent, NEW.index) is None
    assert await state(consent, NEW.index, "marketing") == "withdrawn"
    await agrees(consent, NEW.index, 3)
    await agrees(consent, NEW.index, 3, "marketing")
    assert await state(consent, NEW.index) == "given"
    assert await state(consent, NEW.index, "marketing") == "withdrawn"


async def test_an_end_by_leaving_a_number_is_told(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    notice = renamed(TENANT, OLD, NEW, NOON + 2 * HOUR)
    await consent.is_told(notice)
    await consent.is_told(notice)
    given, ended = await published(consent.database)
    assert (type(given), type(ended), ended.consent_id) == (ConsentGiven, ConsentWithdrawn, given.consent_id)
    assert (ended.person, ended.source, ended.occurred_at) == (OLD.index, "number_changed", NOON + 2 * HOUR)


async def test_whoever_gets_the_number_next_is_asked_anew(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await consent.is_told(renamed(TENANT, OLD, NEW, NOON + 2 * HOUR))
    await agrees(consent, OLD.index, 1)
    assert await state(consent, OLD.index) == "unknown"
    await agrees(consent, OLD.index, 3)
    assert await state(consent, OLD.index) == "given"


async def test_another_user_id_of_the_same_person_keeps_the_number(consent: Consent) -> None:
    await consent.hears(wrote(OLD.index, USER.index, 0))
    await agrees(consent, OLD.index, 0)
    await consent.is_told(renamed(TENANT, USER, NEXT, NOON + HOUR, person=OLD.index))
    await consent.hears(wrote(NEXT.index, None, 2, "stop"))
    assert await state(consent, OLD.index) == "withdrawn"


async def test_a_stop_under_a_user_id_stays_at_its_old_number_when_it_is_seen_at_another(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await agrees(consent, NEW.index, 0)
    await consent.hears(wrote(OLD.index, USER.index, 1))
    await consent.hears(wrote(USER.index, None, 2, "stop"))
    assert await state(consent, OLD.index) == "withdrawn"
    await consent.hears(wrote(NEW.index, USER.index, 3))
    assert await state(consent, OLD.index) == await state(consent, NEW.index) == "withdrawn"
    await agrees(consent, OLD.index, 4)
    assert await state(consent, OLD.index) == "withdrawn"


async def test_a_stop_by_number_goes_along_with_a_user_id_that_is_seen_at_another(consent: Consent) -> None:
    await agrees(consent, NEW.index, 0)
    await consent.hears(wrote(OLD.index, USER.index, 1, "stop"))
    await consent.hears(wrote(NEW.index, USER.index, 3))
    assert await state(consent, NEW.index) == "withdrawn"


async def test_a_stop_under_the_next_user_id_stops_the_number_that_it_may_still_have(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await consent.hears(wrote(OLD.index, USER.index, 1))
    await consent.is_told(renamed(TENANT, USER, NEXT, NOON + 2 * HOUR))
    facts = await consent.hears(wrote(NEXT.index, None, 3, "stop"))
    assert await state(consent, OLD.index) == "withdrawn"
    told = [*facts, *await published(consent.database)]
    assert OLD.index in {fact.person for fact in told if isinstance(fact, ConsentWithdrawn)}
    [refusal] = await consent.accepts(accepted(TENANT, OLD.index))
    assert (refusal.code, refusal.reason) == (131050, "withdrawn")


async def test_a_stop_under_the_next_user_id_counts_also_if_the_notice_comes_later(consent: Consent) -> None:
    await agrees(consent, OLD.index, 0)
    await consent.hears(wrote(NEXT.index, None, 3, "stop"))
    await consent.hears(wrote(OLD.index, USER.index, 1))
    assert await state(consent, OLD.index) == "given"
    await consent.is_told(renamed(TENANT, USER, NEXT, NOON + 2 * HOUR))
    assert await state(consent, OLD.index) == "withdrawn"


async def test_one_tenants_names_are_not_anothers(consent: Consent) -> None:
    other = uuid4()
    await agrees(consent, OLD.index, 0)
    await consent.hears(wrote(USER.index, None, 1, "stop", tenant_id=other))
    await consent.hears(wrote(OLD.index, USER.index, 2, tenant_id=other))
    await consent.is_told(renamed(other, OLD, NEW, NOON + 2 * HOUR))
    assert await state(consent, OLD.index) == "given"


async def test_windows_go_along_to_the_number_and_to_the_next_number(consent: Consent) -> None:
    await consent.hears(wrote(USER.index, None, 0))
    await consent.hears(wrote(OLD.index, USER.index, -5))
    await consent.is_told(renamed(TENANT, OLD, NEW, NOON + HOUR))
    await consent.hears(wrote(USER.index, None, 0.5))
    async with consent.database.transaction() as connection:
        rows = await connection.execute(text("select person, last_inbound_at from windows"))
        found = {row.person: row.last_inbound_at for row in rows}
    assert found == dict.fromkeys((USER.index, OLD.index, NEW.index), NOON + HOUR / 2)


# --- whatever the order -----------------------------------------------------------------------------------------------

MOVED_AT = 3  # hours; who had the old number is not heard under it afterwards
AT_ANOTHER = "old user at new"
MOVES = {"number": (OLD, NEW, None), "user": (USER, NEXT, NEW.index), "user nowhere": (USER, NEXT, None)}
Spec = tuple[str, int, Any]
SPECS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["old", "old user", "old both"]),
            st.integers(0, MOVED_AT),
            st.sampled_from([(), ("stop",), ("start",), ("ad_referral",)]),
        ),
        st.tuples(
            st.sampled_from(["new", "new user", "new both"]),
            st.integers(0, 6),
            st.sampled_from([(), ("stop",), ("start",), ("ad_referral",)]),
        ),
        st.tuples(
            st.sampled_from(["agree old", "agree new", "agree old user", "agree new user"]),
            st.integers(0, 6),
            st.sampled_from(["service", "marketing"]),
        ),
        st.tuples(
            st.sampled_from(["prefer old", "prefer new", "prefer old user", "prefer new user"]),
            st.integers(0, 6),
            st.sampled_from(["stop", "resume", "signup"]),
        ),
        st.tuples(st.sampled_from(["move number", "move user", "move user nowhere"]), st.just(MOVED_AT), st.none()),
        st.tuples(st.just(AT_ANOTHER), st.integers(0, 6), st.sampled_from([(), ("stop",), ("start",)])),
    ),
    min_size=2,
    max_size=9,
)
Happening = tuple[datetime, str, Event | tuple[str, Purpose]]


def happening(tenant_id: UUID, number: int, spec: Spec) -> Happening:
    """One fact of a tenant, or a consent: when, whose, what. Consents differ in time by their number, so none tie;
    facts have the same ids for each tenant, so that ties end alike.
    """
    what, hours, detail = spec
    at = NOON + hours * HOUR
    named = {"old": OLD.index, "new": NEW.index, "old user": USER.index, "new user": NEXT.index}
    first, _, rest = what.partition(" ")
    if first == "agree":
        return at + (number + 1) * HOUR / 60, named[rest], (f"form_{'abcdefghij'[number]}", detail)
    id_ = UUID(int=number + 1)
    if first == "prefer":
        return at, "", msgspec.structs.replace(preferred(tenant_id, named[rest], detail, at), id=id_)
    if first == "move":
        previous, current, person = MOVES[rest]
        return at, "", msgspec.structs.replace(renamed(tenant_id, previous, current, at, person=person), id=id_)
    if what == AT_ANOTHER:
        return (
            at,
            "",
            msgspec.structs.replace(inbound(tenant_id, NEW.index, at, *detail, inbound_id=id_), bsuid=USER.index),
        )
    person, user = (named[first], named[f"{first} user"]) if rest == "both" else (named[what], None)
    return at, "", msgspec.structs.replace(inbound(tenant_id, person, at, *detail, inbound_id=id_), bsuid=user)


async def happen(consent: Consent, tenant_id: UUID, batch: Sequence[Happening]) -> None:
    for at, person, what in batch:
        if isinstance(what, tuple):
            source, purpose = what
            who = consents.Person(tenant_id, person, {"phone": "+79161234567"}, KEY)
            async with consent.database.transaction() as connection:
                await consents.give(connection, who, agreement(purpose, source=source, given_at=at))
    facts = [what for _, _, what in batch]
    if received := [fact for fact in facts if isinstance(fact, InboundReceived)]:
        await consent.hears(*received)
    if said := [fact for fact in facts if isinstance(fact, PreferenceChanged | PersonRenamed)]:
        await consent.is_told(*said)


QUERIES = (
    "select person, purpose, state, since, source, consent_id is null, is_by_person, last_withdrawn_at"
    " from consents where tenant_id = :id and state <> 'unknown' order by 1, 2",
    "select alias, person, first_seen_at, seen_at from person_aliases where tenant_id = :id order by 1, 2",
    "select person, last_inbound_at, expires_at, entry_point_expires_at from windows where tenant_id = :id order by 1",
    "select person, referred_at, answered_at from ad_referrals where tenant_id = :id order by 1, 2",
)


async def standing(database: Database, tenant_id: UUID, queries: Sequence[str]) -> list[list[tuple[Any, ...]]]:
    async with database.transaction() as connection:
        return [[tuple(row) for row in await connection.execute(text(query), {"id": tenant_id})] for query in queries]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs=SPECS, data=st.data())
async def test_the_order_of_names_and_acts_does_not_matter(
    consent: Consent, specs: list[Spec], data: st.DataObject
) -> None:
    """Once in order, one by one; once shuffled, in three batches, with facts delivered again.

    Windows keep their last message only: who opened what, while a BSUID was at two numbers, is not known any more.
    """
    in_order, shuffled = uuid4(), uuid4()
    queries = QUERIES[:2] if any(spec[0] == AT_ANOTHER for spec in specs) else QUERIES
    first = [happening(in_order, number, spec) for number, spec in enumerate(specs)]
    for one in sorted(first, key=lambda one: one[0]):
        await happen(consent, in_order, [one])
    second = [happening(shuffled, number, spec) for number, spec in enumerate(specs)]
    facts = [one for one in second if not isinstance(one[2], tuple)]
    repeats = data.draw(st.lists(st.sampled_from(facts), max_size=3)) if facts else []
    again = data.draw(st.permutations(second + repeats))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(again)), min_size=2, max_size=2)))
    for batch in (again[: cuts[0]], again[cuts[0] : cuts[1]], again[cuts[1] :]):
        await happen(consent, shuffled, batch)
    assert await standing(consent.database, shuffled, queries) == await standing(consent.database, in_order, queries)


@pytest.mark.parametrize("value", ["resume", "signup"])
async def test_resuming_lifts_the_block_and_gives_no_consent(consent: Consent, value: Any) -> None:
    await consent.is_told(preferred(TENANT, person_id("a"), value, NOON))
    await consent.is_told(preferred(TENANT, person_id("b"), "stop", NOON))
    await consent.is_told(preferred(TENANT, person_id("b"), value, NOON + HOUR))
    assert await state(consent, person_id("a"), "marketing") == "unknown"
    assert await state(consent, person_id("b"), "marketing") == "unknown"


async def test_learning_a_name_and_recording_an_act_at_once_loses_neither(consent: Consent) -> None:
    """Two processes: one reads both names, the other a STOP under one of them; whoever commits first."""
    for number in range(12):
        name, user = person_id(f"twice {number}"), person_id(f"twice {number} user")
        await agrees(consent, name, 0)
        said = [wrote(user, None, 1, "stop"), wrote(name, user, 2), wrote(name, None, 0)]
        await asyncio.gather(*(consent.hears(one) for one in (said if number % 2 else said[::-1])))
        assert await state(consent, name) == await state(consent, user) == "withdrawn"


async def test_a_stop_that_was_lifted_before_the_move_is_forgotten_when_the_start_comes_late(consent: Consent) -> None:
    old, new = phone("late a"), phone("late b")
    await consent.hears(inbound(TENANT, old.index, NOON, "stop"))
    await consent.is_told(renamed(TENANT, old, new, NOON + 5 * HOUR))
    await consent.hears(inbound(TENANT, old.index, NOON + HOUR, "start"))
    [fact] = await consent.accepts(accepted(TENANT, new.index))
    assert (fact.code, fact.reason) == (131050, "no_consent")
