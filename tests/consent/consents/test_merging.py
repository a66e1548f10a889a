"""What counts for a person: everything said under any of its names, and of a number it left only what restricts."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.consent.aliases.names import Move, Names
from services.consent.consents.fold import Act, ActKind, Standing, fold
from services.consent.consents.merging import counted
from tests.consent.stand import HOUR, NOON

KINDS: tuple[ActKind, ...] = ("given", "withdrawn", "stopped", "started", "blocked", "unblocked")


def act(kind: ActKind, hours: float, number: int = 1) -> Act:
    return Act(id=UUID(int=number), kind=kind, source="test", occurred_at=NOON + hours * HOUR)


def move(previous: str, current: str, hours: int) -> Move:
    return Move(UUID(int=1000 + hours), previous, current, True, NOON + hours * HOUR)


def standing(names: Names, person: str, **said: list[Act]) -> Standing:
    acts = {identity: {one.id: one for one in acts} for identity, acts in said.items()}
    return fold(one.act for one in counted(names, acts, person))


NUMBER = Names({"user": "number"}.items(), (), ())
MOVED = Names((), [move("old", "new", 5)], ())


def test_a_stop_under_the_user_id_counts_for_the_number() -> None:
    assert standing(NUMBER, "number", number=[act("given", 0, 1)], user=[act("stopped", 1, 2)]).state == "withdrawn"


def test_a_consent_under_the_user_id_counts_for_the_number() -> None:
    assert standing(NUMBER, "number", user=[act("given", 0)]).state == "given"


def test_a_start_under_one_name_lifts_a_stop_under_the_other() -> None:
    said = [act("given", 0, 1), act("stopped", 1, 2)]
    assert standing(NUMBER, "number", number=said, user=[act("started", 2, 3)]).state == "given"


def test_a_stop_goes_along_to_the_new_number() -> None:
    new = [act("given", 0, 1)]
    for restrictive in ("stopped", "blocked", "withdrawn"):
        assert standing(MOVED, "new", old=[act(restrictive, 1, 2)], new=new).state == "withdrawn"


def test_a_consent_does_not_go_along_and_ends_at_the_number_that_was_left() -> None:
    """Whoever has the old number next agreed to nothing, and the person agreed to be written to at that number."""
    said = [act("given", 0)]
    assert standing(MOVED, "new", old=said).state == "unknown"
    assert standing(MOVED, "old", old=said).state == "unknown"


def test_a_consent_of_the_next_owner_counts() -> None:
    assert standing(MOVED, "old", old=[act("given", 0, 1), act("given", 6, 2)]).consent_id == UUID(int=2)


def test_what_the_next_owner_stops_is_not_carried_to_who_left() -> None:
    assert standing(MOVED, "new", old=[act("stopped", 6, 1)], new=[act("given", 0, 2)]).state == "given"


def test_a_stop_that_was_lifted_before_the_move_is_not_carried() -> None:
    said = [act("stopped", 1, 1), act("started", 2, 2)]
    assert standing(MOVED, "new", old=said, new=[act("given", 0, 3)]).state == "given"


def test_a_start_at_the_old_number_lifts_no_stop_of_the_new_one() -> None:
    old = [act("stopped", 1, 1), act("started", 3, 2)]
    assert standing(MOVED, "new", old=old, new=[act("given", 0, 3), act("stopped", 2, 4)]).state == "withdrawn"


def test_a_start_at_the_new_number_lifts_what_was_carried() -> None:
    new = [act("given", 0, 1), act("started", 9, 2)]
    assert standing(MOVED, "new", old=[act("stopped", 1, 3)], new=new).state == "given"


def test_a_stop_follows_through_several_numbers_and_home_again() -> None:
    names = Names((), [move("a", "b", 1), move("b", "c", 2), move("c", "a", 3)], ())
    said = {"a": [act("stopped", 0, 1)], "c": [act("given", 2.5, 2)]}
    assert [standing(names, one, **said).state for one in "abc"] == ["withdrawn"] * 3


NAMES = ("a", "b", "user")
MOVES = st.lists(
    st.builds(move, st.sampled_from("ab"), st.sampled_from("ab"), st.integers(0, 9)).filter(
        lambda one: one.previous != one.current
    ),
    max_size=3,
    unique_by=lambda one: one.id,
)
SAID = st.lists(
    st.tuples(st.sampled_from(NAMES), st.builds(act, st.sampled_from(KINDS), st.integers(0, 9), st.integers(1, 50))),
    max_size=8,
    unique_by=lambda one: one[1].id,
)


@given(moves=MOVES, said=SAID, data=st.data())
def test_the_order_in_which_names_and_acts_are_learnt_does_not_matter(
    moves: list[Move], said: list[tuple[str, Act]], data: st.DataObject
) -> None:
    def standings(moves: list[Move], said: list[tuple[str, Act]]) -> list[Standing]:
        acts: dict[str, list[Act]] = {}
        for name, one in said:
            acts.setdefault(name, []).append(one)
        return [standing(Names({"user": "a"}.items(), moves, ()), person, **acts) for person in "ab"]

    again = standings(data.draw(st.permutations(moves)), data.draw(st.permutations(said + said[:2])))
    assert again == standings(moves, said)


@given(moves=MOVES, said=SAID)
def test_only_a_consent_that_names_the_person_can_be_in_force(moves: list[Move], said: list[tuple[str, Act]]) -> None:
    """No number inherits a consent, however numbers and people went round."""
    names = Names({"user": "a"}.items(), moves, ())
    acts: dict[str, list[Act]] = {}
    for name, one in said:
        acts.setdefault(name, []).append(one)
    for person, own in (("a", {"a", "user"}), ("b", {"b"})):
        found = standing(names, person, **acts)
        given_ids = {one.id for name, one in said if one.kind == "given" and name in own}
        assert found.state != "given" or found.consent_id in given_ids


@given(said=SAID)
def test_a_stop_before_the_move_restricts_the_new_number(said: list[tuple[str, Act]]) -> None:
    old = [one for name, one in said if name == "a"]
    new = [one for name, one in said if name == "b" and one.kind != "started"]
    names = Names((), [move("a", "b", 9)], ())
    assert standing(names, "b", a=[*old, act("stopped", 9, 99)], b=new).state == "withdrawn"
