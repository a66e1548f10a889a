"""Which STOP and START are answered: the first of a run, the same at every delivery."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import Signal
from tests.consent.stand import HOUR, NOON, Consent, inbound, person_id

TENANT = UUID("01930000-0000-7000-8000-000000000002")
WORDS: tuple[Signal, ...] = ("stop", "stop", "start")


def confirms(facts: list[Any]) -> list[str | None]:
    return [fact.confirm for fact in facts if isinstance(fact, InboundJudged)]


@pytest.mark.parametrize(
    ("words", "answered"),
    [
        (["stop"], ["stopped"]),
        (["start"], [None]),
        (["stop", "stop", "stop"], ["stopped", None, None]),
        (["stop", "start"], ["stopped", "started"]),
        (["stop", "start", "start", "stop"], ["stopped", "started", None, "stopped"]),
        (["stop", "", "stop"], ["stopped", None, None]),
        (["complaint"], [None]),
    ],
)
async def test_only_a_word_that_changes_something_is_answered(
    consent: Consent, words: list[Any], answered: list[str | None]
) -> None:
    person = person_id()
    messages = [
        inbound(TENANT, person, NOON + number * HOUR, *([word] if word else [])) for number, word in enumerate(words)
    ]
    one_by_one = [confirms(await consent.hears(message)) for message in messages]
    assert [found for [found] in one_by_one] == answered
    assert confirms(await consent.hears(*messages)) == answered  # a redelivery says the same


async def test_words_of_one_batch_are_answered_as_if_they_came_one_by_one(consent: Consent) -> None:
    person = person_id()
    minute = timedelta(minutes=1)
    words = [inbound(TENANT, person, NOON + n * minute, word) for n, word in enumerate(WORDS)]
    assert confirms(await consent.hears(*words)) == ["stopped", None, "started"]


async def test_a_stop_to_one_tenant_is_not_a_stop_to_another(consent: Consent) -> None:
    person, other = person_id(), UUID("01930000-0000-7000-8000-000000000003")
    await consent.hears(inbound(TENANT, person, NOON, "stop"))
    assert confirms(await consent.hears(inbound(other, person, NOON + HOUR, "stop"))) == ["stopped"]


async def test_words_under_another_name_of_the_person_are_of_the_same_run(consent: Consent) -> None:
    number, user = person_id("number"), person_id("user")
    known = msgspec.structs.replace(inbound(TENANT, number, NOON), bsuid=user)
    await consent.hears(known)
    words: list[tuple[str, Signal, str | None]] = [
        (user, "stop", "stopped"),
        (number, "stop", None),
        (user, "start", "started"),
        (number, "start", None),
        (number, "stop", "stopped"),
    ]
    for hour, (name, word, answered) in enumerate(words, start=1):
        assert confirms(await consent.hears(inbound(TENANT, name, NOON + hour * HOUR, word))) == [answered]


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f"])
async def test_nobody_is_told_of_a_start_that_a_stop_of_the_same_second_outweighs(consent: Consent, name: str) -> None:
    said = [inbound(TENANT, person_id(name), NOON, word) for word in ("stop", "start")]
    assert confirms(await consent.hears(*said)) == ["stopped", None]


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f"])
@pytest.mark.parametrize("later", [timedelta(), -HOUR])
async def test_a_second_stop_is_not_answered_even_if_it_counts_before_the_first(
    consent: Consent, name: str, later: timedelta
) -> None:
    person = person_id(name)
    assert confirms(await consent.hears(inbound(TENANT, person, NOON, "stop"))) == ["stopped"]
    second = inbound(TENANT, person, NOON + later, "stop")
    for _ in range(2):  # a redelivery says the same
        assert confirms(await consent.hears(second)) == [None]


async def test_a_second_stop_is_not_answered_by_a_process_whose_clock_is_behind(consent: Consent) -> None:
    """It took its moment before it waited for whoever recorded the first."""
    first, second = (inbound(TENANT, person_id(), NOON - hours * HOUR, "stop") for hours in (1, 2))
    for _ in range(2):
        assert confirms(await consent.hears(first, now=NOON)) == ["stopped"]
        assert confirms(await consent.hears(second, now=NOON - timedelta(seconds=1))) == [None]
