"""Whatever the order, the batches and the repeats: windows and consents end up the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.consent.consents import service as consents
from services.kernel import crypto
from services.kernel.contracts.inbound import Signal
from services.kernel.db import Database
from tests.consent.stand import HOUR, NOON, PHONE, Consent, agreement, inbound, person_id

KEY = crypto.Key(uuid4(), crypto.random_key())


class Happening(NamedTuple):
    """A person's message with its signals, or (without an inbound id) a consent that the tenant records."""

    name: str
    at: datetime
    signals: tuple[Signal, ...] = ()
    inbound_id: UUID | None = None
    source: str = ""


SPECS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 5),
        st.sampled_from([(), ("stop",), ("start",), ("stop", "start"), None, None]),
    ),
    min_size=1,
    max_size=7,
)


def happening(number: int, spec: tuple[str, int, tuple[Signal, ...] | None]) -> Happening:
    name, hours, signals = spec
    if signals is not None:
        return Happening(name, NOON + hours * HOUR, signals, uuid4())
    # Consents differ in time by their number, so that no two tie: their ids are random.
    return Happening(name, NOON + hours * HOUR + number * HOUR / 60, source=f"form_{'abcdefg'[number]}")


async def happen(consent: Consent, tenant_id: UUID, batch: Sequence[Happening]) -> None:
    """One batch: consents over HTTP one by one, messages together."""
    for one in batch:
        if one.inbound_id is None:
            person = consents.Person(tenant_id, person_id(one.name), {"phone": PHONE}, KEY)
            async with consent.database.transaction() as connection:
                await consents.give(connection, person, agreement(source=one.source, given_at=one.at))
    messages = [
        inbound(tenant_id, person_id(one.name), one.at, *one.signals, inbound_id=one.inbound_id)
        for one in batch
        if one.inbound_id is not None
    ]
    if messages:
        await consent.hears(*messages)


async def standing(database: Database, tenant_id: UUID) -> tuple[list[Any], list[Any]]:
    windows = text("select person, last_inbound_at, expires_at from windows where tenant_id = :id order by 1")
    current = text(
        "select person, purpose, state, since, source, consent_id is null, is_by_person, last_withdrawn_at"
        " from consents where tenant_id = :id order by 1, 2"
    )
    async with database.transaction() as connection:
        found = [(await connection.execute(query, {"id": tenant_id})).all() for query in (windows, current)]
    return [tuple(row) for row in found[0]], [tuple(row) for row in found[1]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs=SPECS, data=st.data())
async def test_order_repeats_and_batches_do_not_matter(
    consent: Consent, specs: list[tuple[str, int, tuple[Signal, ...] | None]], data: st.DataObject
) -> None:
    """Once in order, one by one; once shuffled, in two batches, with messages delivered again."""
    happenings = [happening(number, spec) for number, spec in enumerate(specs)]
    in_order, shuffled = uuid4(), uuid4()
    for one in sorted(happenings, key=lambda one: one.at):
        await happen(consent, in_order, [one])
    messages = [one for one in happenings if one.inbound_id is not None]
    repeats = data.draw(st.lists(st.sampled_from(messages), max_size=4)) if messages else []
    again = data.draw(st.permutations(happenings + repeats))
    cut = data.draw(st.integers(0, len(again)))
    await happen(consent, shuffled, again[:cut])
    await happen(consent, shuffled, again[cut:])
    assert await standing(consent.database, shuffled) == await standing(consent.database, in_order)
