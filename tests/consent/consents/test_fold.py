"""The fold of acts into the state of a purpose: pure, restrictive, and blind to the order of arrival."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consent.consents.fold import Act, ActKind, fold, restrictions
from tests.consent.stand import NOON

KINDS: tuple[ActKind, ...] = ("given", "withdrawn", "stopped", "started", "blocked", "unblocked", "moved")


def act(kind: ActKind, seconds: float, number: int = 1) -> Act:
    return Act(id=UUID(int=number), kind=kind, source="test", occurred_at=NOON + timedelta(seconds=seconds))


def state(*acts: Act) -> str:
    return fold(acts).state


def test_nothing_is_known_of_a_person_without_acts() -> None:
    assert state() == "unknown"


def test_a_consent_is_given_until_it_is_withdrawn() -> None:
    assert state(act("given", 0)) == "given"
    assert state(act("given", 0), act("withdrawn", 1)) == "withdrawn"


@pytest.mark.parametrize("restrictive", ["withdrawn", "stopped", "blocked"])
@pytest.mark.parametrize("permissive", ["given", "started"])
def test_at_an_equal_moment_the_more_restrictive_act_wins(restrictive: ActKind, permissive: ActKind) -> None:
    assert state(act("given", -60, 9), act(restrictive, 0, 1), act(permissive, 0, 2)) == "withdrawn"
    assert state(act("given", -60, 9), act(restrictive, 0, 2), act(permissive, 0, 1)) == "withdrawn"


def test_a_tenant_lifts_its_own_withdrawal_with_a_new_consent() -> None:
    standing = fold([act("given", 0, 1), act("withdrawn", 1, 2), act("given", 2, 3)])
    assert (standing.state, standing.consent_id) == ("given", UUID(int=3))


@pytest.mark.parametrize("stop", ["stopped", "blocked"])
def test_a_tenant_never_lifts_what_the_person_stopped(stop: ActKind) -> None:
    standing = fold([act("given", 0, 1), act(stop, 1, 2), act("given", 100, 3)])
    assert (standing.state, standing.is_by_person) == ("withdrawn", True)


def test_start_gives_back_the_consent_that_stop_removed() -> None:
    standing = fold([act("given", 0, 1), act("stopped", 10, 2), act("started", 20, 3)])
    assert (standing.state, standing.consent_id) == ("given", UUID(int=1))


def test_start_without_an_earlier_consent_creates_none() -> None:
    assert state(act("started", 0)) == "unknown"
    assert state(act("stopped", 0), act("started", 10)) == "unknown"


def test_start_does_not_bring_back_a_consent_recorded_while_stopped() -> None:
    assert state(act("stopped", 0, 1), act("given", 10, 2), act("started", 20, 3)) == "unknown"


def test_start_lifts_neither_the_tenants_withdrawal_nor_a_block_at_meta() -> None:
    assert state(act("given", 0), act("withdrawn", 1), act("started", 20)) == "withdrawn"
    assert state(act("given", 0), act("stopped", 5), act("withdrawn", 10), act("started", 20)) == "withdrawn"
    assert state(act("given", 0), act("blocked", 5), act("started", 20)) == "withdrawn"


def test_a_consent_in_the_same_second_before_a_stop_is_what_stop_removed() -> None:
    """Meta's times are cut to seconds: a STOP at :00 may have been said at :00.9, after a consent at :00.7."""
    assert state(act("given", 0.7, 1), act("stopped", 0, 2), act("started", 1, 3)) == "given"


def test_a_late_consent_older_than_a_withdrawal_stays_history() -> None:
    assert state(act("withdrawn", 0, 1), act("given", -1_000_000, 2)) == "withdrawn"


def test_a_repeated_withdrawal_moves_only_its_last_time() -> None:
    standing = fold([act("stopped", 0, 1), act("stopped", 60, 2)])
    assert (standing.since, standing.last_withdrawn_at) == (NOON, NOON + timedelta(seconds=60))


ACTS = st.lists(
    st.builds(act, st.sampled_from(KINDS), st.sampled_from([0, 0.25, 1, 1.5, 2, 60]), st.integers(1, 50)),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(acts=ACTS, data=st.data())
def test_the_order_of_arrival_does_not_matter(acts: list[Act], data: st.DataObject) -> None:
    shuffled: Sequence[Act] = data.draw(st.permutations(acts))
    assert fold(shuffled) == fold(acts)


@given(acts=ACTS)
def test_a_stop_after_everything_always_withdraws(acts: list[Act]) -> None:
    assert state(*acts, act("stopped", 3_600, 99)) == "withdrawn"


@given(acts=ACTS)
def test_only_a_recorded_consent_can_be_in_force(acts: list[Act]) -> None:
    standing = fold(acts)
    given_ids = {one.id for one in acts if one.kind == "given"}
    assert standing.state != "given" or standing.consent_id in given_ids


def test_resuming_at_meta_lifts_the_block_there_and_nothing_else() -> None:
    assert state(act("given", 0), act("blocked", 5), act("unblocked", 10)) == "given"
    assert state(act("blocked", 5), act("unblocked", 10)) == "unknown"
    assert state(act("given", 0), act("stopped", 3), act("blocked", 5), act("unblocked", 10)) == "withdrawn"
    assert state(act("given", 0), act("withdrawn", 3), act("blocked", 5), act("unblocked", 10)) == "withdrawn"


def test_who_leaves_a_number_takes_the_consent_away_and_leaves_the_stop() -> None:
    assert state(act("given", 0), act("moved", 10)) == "unknown"
    assert state(act("given", 0), act("moved", 10), act("given", 20)) == "given"
    assert state(act("stopped", 0), act("moved", 10), act("given", 20)) == "withdrawn"


def test_what_still_restricts_is_named_by_its_last_act() -> None:
    acts = [act("stopped", 0, 1), act("started", 1, 2), act("stopped", 2, 3), act("blocked", 3, 4)]
    assert {one.id for one in restrictions(acts)} == {UUID(int=3), UUID(int=4)}
    assert restrictions([*acts, act("started", 9, 5), act("unblocked", 9, 6)]) == []
