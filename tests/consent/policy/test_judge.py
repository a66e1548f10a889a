"""Which rule speaks: properties over random rules, and the cases that the properties cannot name."""

from datetime import datetime, timedelta
from itertools import permutations, product
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.consent.policy import rules
from services.consent.policy.rules import NO_RULE, Judge, Outcome, Rule, Scope, Subject
from tests.consent.stand import HOUR, NOON

TENANTS = (UUID(int=1), UUID(int=2))
CLASSES, CATEGORIES, COUNTRIES = ("standard", "finance"), ("marketing", "utility"), ("RU", "KZ")
SUBJECT = Subject(TENANTS[0], "standard", "marketing", "RU")
SUBJECTS = [
    Subject(tenant, class_, category, country)
    for tenant in TENANTS
    for class_ in CLASSES
    for category in CATEGORIES
    for country in COUNTRIES
]
# All that speak about SUBJECT: each part says everything, or what it is.
SCOPES = [
    Scope(tenant, *parts)
    for tenant in (None, SUBJECT.tenant_id)
    for parts in product(*(("*", part) for part in SUBJECT[1:]))
]
OUTCOMES: tuple[Outcome, ...] = ("allow", "refuse")
MOMENTS = [NOON + hours * HOUR for hours in range(6)]


def rule(name: str, outcome: Outcome, scope: Scope, **more: Any) -> Rule:
    return Rule(**{"id": name, "version": 1, "scope": scope, "outcome": outcome, "effective_from": NOON, **more})


def scope(
    tenant: UUID | None = None, class_: str = "*", category: str = "*", country: str = "*", channel: str = "*"
) -> Scope:
    return Scope(tenant, class_, category, country, channel)


@st.composite
def versions(draw: st.DrawFn, max_rules: int = 4) -> list[Rule]:
    """Rules with one to three versions each, of any scope and time."""
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=max_rules))
    return [draw(version_of(name, version)) for name in names for version in range(1, draw(st.integers(1, 3)) + 1)]


@st.composite
def version_of(draw: st.DrawFn, name: str, version: int, not_before: datetime = NOON) -> Rule:
    outcome: Outcome = draw(st.sampled_from(OUTCOMES))
    begins = draw(st.sampled_from([at for at in MOMENTS if at >= not_before]))
    return Rule(
        id=name,
        version=version,
        scope=Scope(
            draw(st.sampled_from((None, *TENANTS))),
            draw(st.sampled_from(("*", *CLASSES))),
            draw(st.sampled_from(("*", *CATEGORIES))),
            draw(st.sampled_from(("*", *COUNTRIES))),
            draw(st.sampled_from(("*", "whatsapp"))),
        ),
        outcome=outcome,
        effective_from=begins,
        effective_to=draw(st.sampled_from((None, *(at for at in MOMENTS if at >= begins)))),
        is_final=outcome == "refuse" and draw(st.booleans()),
    )


def speaking(found: list[Rule], subject: Subject, at: datetime) -> list[Rule]:
    """The rules in force that match, said in another way than the code says it."""
    begun = [one for one in found if one.effective_from <= at]
    last = {one.id: max(other.version for other in begun if other.id == one.id) for one in begun}
    return [
        one
        for one in begun
        if one.version == last[one.id]
        and (one.effective_to is None or at < one.effective_to)
        and all(wanted in (None, "*", is_) for wanted, is_ in zip(one.scope, subject, strict=True))
    ]


@given(st.data(), st.sampled_from(SUBJECTS), st.sampled_from(MOMENTS))
def test_the_order_of_the_rows_never_matters(data: st.DataObject, subject: Subject, at: datetime) -> None:
    found = data.draw(versions())
    shuffled = data.draw(st.permutations(found))
    assert rules.judge(found, subject, at) == rules.judge(shuffled, subject, at)


@given(versions(), st.sampled_from(SUBJECTS), st.sampled_from(MOMENTS))
def test_whoever_speaks_is_in_force_and_matches_and_without_anybody_nothing_goes_out(
    found: list[Rule], subject: Subject, at: datetime
) -> None:
    verdict = rules.judge(found, subject, at)
    candidates = speaking(found, subject, at)
    if not candidates:
        assert (verdict, verdict.outcome) == (NO_RULE, "refuse")
    else:
        assert (verdict.rule_id, verdict.version) in [(one.id, one.version) for one in candidates]


@st.composite
def rivals(draw: st.DrawFn) -> list[Rule]:
    """Rules that all speak about SUBJECT in the end, often with the same scope and since the same time."""
    scopes = draw(st.lists(st.sampled_from(SCOPES), min_size=1, max_size=2))
    return [
        rule(
            name,
            draw(st.sampled_from(OUTCOMES)),
            draw(st.sampled_from(scopes)),
            version=draw(st.integers(1, 2)),
            effective_from=draw(st.sampled_from(MOMENTS[:2])),
        )
        for name in draw(st.permutations("abcd"))[: draw(st.integers(2, 4))]
    ]


def outranking(found: list[Rule]) -> Rule:
    """Who speaks before all others, by the words of decision 0032: each sentence leaves fewer of them."""
    for part in ("country", "tenant_id", "tenant_class", "category", "channel"):
        found = [one for one in found if getattr(one.scope, part) not in (None, "*")] or found
    newest = max(one.effective_from for one in found)
    found = [one for one in found if one.effective_from == newest]
    found = [one for one in found if one.outcome == "refuse"] or found
    highest = max(one.version for one in found)
    return max((one for one in found if one.version == highest), key=lambda one: one.id)


def test_of_any_two_scopes_the_narrower_one_speaks() -> None:
    for one, other in permutations(SCOPES, 2):
        found = [rule("a", "allow", one), rule("b", "refuse", other)]
        assert rules.judge(found, SUBJECT, NOON).rule_id == outranking(found).id


@given(rivals())
def test_the_narrowest_speaks_then_the_newest_then_the_refusing_then_the_higher_version_then_the_id(
    found: list[Rule],
) -> None:
    assert rules.judge(found, SUBJECT, MOMENTS[-1]).rule_id == outranking(found).id


@given(rivals(), st.data())
def test_a_final_refusal_speaks_before_any_narrower_or_newer_rule(found: list[Rule], data: st.DataObject) -> None:
    finals = [one for one in found if one.outcome == "refuse" and data.draw(st.booleans())]
    others = [one for one in found if one not in finals]
    final = [msgspec.structs.replace(one, is_final=True) for one in finals]
    assert rules.judge([*others, *final], SUBJECT, MOMENTS[-1]).rule_id == outranking(finals or others).id


@given(versions(), st.data(), st.sampled_from(SUBJECTS), st.sampled_from(MOMENTS[:-1]))
def test_what_has_not_begun_changes_nothing(
    found: list[Rule], data: st.DataObject, subject: Subject, at: datetime
) -> None:
    later = [data.draw(version_of(name, 9, not_before=at + HOUR)) for name in ("a", "new")]
    assert rules.judge([*found, *later], subject, at) == rules.judge(found, subject, at)


@given(st.data())
def test_a_version_that_one_person_may_add_never_lets_anything_more_out(data: st.DataObject) -> None:
    """The promise behind two people: whatever was refused at any moment from now on stays refused."""
    before = data.draw(versions())
    names = sorted({one.id for one in before} | {"new"})
    name = data.draw(st.sampled_from(names))
    earlier = [one for one in before if one.id == name]
    now = data.draw(st.sampled_from(MOMENTS))
    new = data.draw(version_of(name, len(earlier) + 1, not_before=now))
    if rules.may_let_more_out(new, earlier):
        return
    for at in (moment for moment in MOMENTS if moment >= now):
        for subject in SUBJECTS:
            if rules.judge(before, subject, at).outcome == "refuse":
                assert rules.judge([*before, new], subject, at).outcome == "refuse"


@given(versions(), st.lists(st.sampled_from(SUBJECTS), max_size=20), st.sampled_from(MOMENTS))
def test_a_judge_says_the_same_whenever_it_is_asked(found: list[Rule], asked: list[Subject], at: datetime) -> None:
    judge = Judge(found, at)
    assert [judge.judge(one) for one in asked] == [Judge(found, at).judge(one) for one in asked]


@given(versions(), st.sampled_from(MOMENTS), st.sampled_from(MOMENTS))
def test_a_judge_holds_exactly_until_a_rule_begins_or_ends(found: list[Rule], at: datetime, later: datetime) -> None:
    if Judge(found, at).holds(later):
        assert [rules.judge(found, one, at) for one in SUBJECTS] == [rules.judge(found, one, later) for one in SUBJECTS]


def test_a_tenants_allowance_does_not_open_a_country_with_a_rule_of_its_own() -> None:
    shipped = [
        rule("forbidden", "refuse", scope(category="marketing")),
        rule("russia", "refuse", scope(category="marketing", country="RU")),
    ]
    everywhere = rule("tenant", "allow", scope(TENANTS[0], category="marketing"), effective_from=NOON + HOUR)
    named = rule("tenant-ru", "allow", scope(TENANTS[0], category="marketing", country="RU"))
    kazakh = SUBJECT._replace(country="KZ")
    at = NOON + HOUR
    assert rules.judge([*shipped, everywhere], kazakh, at).outcome == "allow"
    assert rules.judge([*shipped, everywhere], SUBJECT, at).rule_id == "russia"
    assert rules.judge([*shipped, everywhere, named], SUBJECT, at).rule_id == "tenant-ru"
    assert rules.judge([*shipped, everywhere, named], SUBJECT._replace(tenant_id=TENANTS[1]), at).rule_id == "russia"


def test_among_equals_the_newest_speaks_and_then_the_refusing_one() -> None:
    all_marketing = scope(category="marketing")
    older = rule("older", "allow", all_marketing, effective_from=NOON - HOUR)
    newer = rule("newer", "refuse", all_marketing)
    assert rules.judge([older, newer], SUBJECT, NOON).rule_id == "newer"
    assert rules.judge([rule("a", "allow", all_marketing, version=9), newer], SUBJECT, NOON).rule_id == "newer"


def test_a_version_speaks_from_its_first_moment_and_no_longer_at_its_end() -> None:
    day = rule("day", "allow", scope(), effective_to=NOON + 24 * HOUR)
    microsecond = timedelta(microseconds=1)
    for at, outcome in (
        (NOON - microsecond, "refuse"),
        (NOON, "allow"),
        (NOON + 24 * HOUR - microsecond, "allow"),
        (NOON + 24 * HOUR, "refuse"),
    ):
        assert rules.judge([day], SUBJECT, at).outcome == outcome


def test_an_end_ends_the_rule_at_its_moment_and_what_was_planned_after_it_as_well() -> None:
    found = [
        rule("a", "allow", scope()),
        rule("a", "allow", scope(country="RU"), version=2, effective_from=NOON + 4 * HOUR),
        rule("a", "allow", scope(), version=3, effective_from=NOON + HOUR, effective_to=NOON + HOUR),
    ]
    assert [rules.judge(found, SUBJECT, NOON + hours * HOUR).outcome for hours in (0, 1, 5)] == [
        "allow",
        "refuse",
        "refuse",
    ]
