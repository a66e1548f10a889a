"""What counts for a person: everything said under any of its names, and of a number it left only what restricts."""

from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from services.consent.aliases.names import FOR_EVER, Move, Names, Seen
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


def beside(user: str, number: str, first: float = 0, last: float | None = None) -> Seen:
    return Seen(user, number, NOON + first * HOUR, NOON + (first if last is None else last) * HOUR)


NUMBER = Names([beside("user", "number")], (), ())
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
        return [standing(Names([beside("user", "a")], moves, ()), person, **acts) for person in "ab"]

    again = standings(data.draw(st.permutations(moves)), data.draw(st.permutations(said + said[:2])))
    assert again == standings(moves, said)


@given(moves=MOVES, said=SAID)
def test_only_a_consent_that_names_the_person_can_be_in_force(moves: list[Move], said: list[tuple[str, Act]]) -> None:
    """No number inherits a consent, however numbers and people went round."""
    names = Names([beside("user", "a")], moves, ())
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


# --- whatever names are learnt afterwards -----------------------------------------------------------------------------

IDENTITIES = ("a", "b", "user", "later")
SEEN = st.builds(beside, st.sampled_from(["user", "later"]), st.sampled_from("ab"), st.integers(0, 9))
ENDS = [("a", "b"), ("b", "a"), ("user", "later"), ("later", "user"), ("user", "b")]
TOLD = st.builds(
    lambda ends, hours: Move(UUID(int=1000 + hours), ends[0], ends[1], ends[1] in "ab", NOON + hours * HOUR),
    st.sampled_from(ENDS),
    st.integers(0, 9),
)
LEARNT = st.lists(st.one_of(SEEN, TOLD), max_size=5)
RESTRICTED = st.lists(
    st.tuples(
        st.sampled_from(IDENTITIES),
        st.builds(
            act, st.sampled_from(["given", "withdrawn", "stopped", "blocked"]), st.integers(0, 9), st.integers(1, 50)
        ),
    ),
    max_size=8,
    unique_by=lambda one: one[1].id,
)


def names_of(learnt: list[Seen | Move]) -> Names:
    seen = [one for one in learnt if isinstance(one, Seen)]
    return Names(seen, {one.id: one for one in learnt if isinstance(one, Move)}.values(), IDENTITIES)


def before_a_notice(learnt: list[Seen | Move], said: list[tuple[str, Act]]) -> list[tuple[str, Act]]:
    """What was said until the first notice that somebody left a number: from then on two people may mean it."""
    left = min((one.at for one in learnt if isinstance(one, Move) and one.previous in "ab"), default=FOR_EVER)
    return [(name, one) for name, one in said if one.occurred_at <= left]


def by_name(said: list[tuple[str, Act]]) -> dict[str, list[Act]]:
    acts: dict[str, list[Act]] = {}
    for name, one in said:
        acts.setdefault(name, []).append(one)
    return acts


@given(learnt=LEARNT, said=RESTRICTED, later=st.one_of(SEEN, TOLD))
@example([move("a", "b", 0), beside("user", "a", 0)], [("a", act("stopped", 1, 1))], beside("user", "b", 9))
def test_no_name_that_is_learnt_later_lifts_a_stop(
    learnt: list[Seen | Move], said: list[tuple[str, Act]], later: Seen | Move
) -> None:
    """What was stopped at a number or BSUID stays so, whoever turns out to have or to have had it since."""
    end = NOON + 20 * HOUR
    after: Seen | Move
    if isinstance(later, Seen):
        after = later._replace(first_at=end, last_at=end)
    else:
        after = later._replace(id=UUID(int=9999), at=end)
    acts, theirs = by_name(said), by_name(before_a_notice(learnt, said))
    before, then = names_of(learnt), names_of([*learnt, after])
    for identity in IDENTITIES:
        was = standing(before, before.root(identity), **theirs)
        for root in {before.root(identity), then.root(identity)} & {*then.roots}:
            found = standing(then, root, **acts)
            assert found.is_stopped or not was.is_stopped, (root, identity)
            assert found.is_blocked or not was.is_blocked, (root, identity)


@given(learnt=LEARNT, said=RESTRICTED, data=st.data())
def test_an_act_changes_only_the_standings_that_it_is_said_to_touch(
    learnt: list[Seen | Move], said: list[tuple[str, Act]], data: st.DataObject
) -> None:
    names = names_of(learnt)
    name = data.draw(st.sampled_from(IDENTITIES))
    new = act(data.draw(st.sampled_from([*KINDS])), data.draw(st.integers(0, 9)), 99)
    acts, after = by_name(said), by_name([*said, (name, new)])
    touched = names.touched(name, new.occurred_at)
    assert names.root(name) in touched
    for root in names.roots:
        changed = standing(names, root, **acts) != standing(names, root, **after)
        assert root in touched or not changed


def test_a_stop_under_the_user_id_stays_at_the_number_that_it_is_no_longer_seen_with() -> None:
    names = Names([beside("user", "old", 0, 2), beside("user", "new", 5)], (), ())
    said = {"old": [act("given", 0, 1)], "user": [act("stopped", 3, 2)], "new": [act("given", 0, 3)]}
    assert [standing(names, one, **said).state for one in ("old", "new")] == ["withdrawn"] * 2
    said["old"].append(act("given", 9, 4))
    assert standing(names, "old", **said).is_stopped


def test_who_is_seen_at_another_number_stops_the_old_one_no_longer() -> None:
    names = Names([beside("user", "old", 0, 2), beside("user", "new", 5)], (), ())
    said = {"old": [act("given", 6, 1)], "user": [act("stopped", 7, 2)]}
    assert standing(names, "old", **said).state == "given"


def test_a_stop_under_a_user_id_of_unknown_number_counts_at_the_number_before() -> None:
    change = move("user", "later", 3)._replace(is_number=False)
    names = Names([beside("user", "number")], [change], ())
    said = {"number": [act("given", 0, 1)], "later": [act("stopped", 5, 2)]}
    assert standing(names, "number", **said).state == "withdrawn"
    said["later"].append(act("started", 6, 3))
    assert standing(names, "number", **said).state == "given"
    said["number"].append(act("stopped", 1, 4))
    assert standing(names, "number", **said).state == "withdrawn"


def test_a_consent_under_a_user_id_of_unknown_number_is_none_at_the_number_before() -> None:
    change = move("user", "later", 3)._replace(is_number=False)
    names = Names([beside("user", "number")], [change], ())
    assert standing(names, "number", later=[act("given", 5)]).state == "unknown"


def test_an_act_touches_who_left_a_number_before_its_user_id_is_known_to_have_come_there() -> None:
    names = Names([beside("user", "a", 1, 5), beside("user", "b", 3, 6)], [move("b", "c", 4)], ())
    before, after = (standing(names, "c", user=said) for said in ([], [act("stopped", 0)]))
    assert before != after
    assert names.touched("user", NOON) == {"a", "b", "c"}
