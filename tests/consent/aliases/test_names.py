"""Which identities are one person, and who a person was before."""

from datetime import timedelta
from uuid import UUID

from services.consent.aliases.names import FOR_EVER, Carried, Member, Move, Names, Seen
from tests.consent.stand import HOUR, NOON


def move(previous: str, current: str, hours: int = 0, *, is_number: bool = True) -> Move:
    return Move(UUID(int=hours + 1), previous, current, is_number, NOON + hours * HOUR)


def beside(user: str, number: str, first: float = 0, last: float | None = None) -> Seen:
    return Seen(user, number, NOON + first * HOUR, NOON + (first if last is None else last) * HOUR)


def names(*moves: Move, **links: str) -> Names:
    return Names([beside(user, number) for user, number in links.items()], moves, ())


def test_a_user_id_and_its_number_are_one_person_known_by_the_number() -> None:
    known = names(user="number", other="number")
    assert known.root("user") == known.root("number") == "number"
    assert known.names("number") == ["number", "other", "user"]
    assert known.members("number") == [Member(name, FOR_EVER) for name in ("number", "other", "user")]
    assert known.roots == ["number"]
    assert sorted(known.carried()) == [Carried("other", "number", FOR_EVER), Carried("user", "number", FOR_EVER)]


def test_somebody_who_is_not_connected_stands_alone() -> None:
    assert names().root("anybody") == "anybody"
    assert names().names("anybody") == ["anybody"]


def test_who_takes_another_number_leaves_the_old_one() -> None:
    known = names(move("old", "new"))
    assert [one.previous for one in known.arrivals("new")] == ["old"]
    assert [one.current for one in known.departures("old")] == ["new"]
    assert known.arrivals("old") == known.departures("new") == []


def test_another_user_id_of_the_same_number_is_no_departure() -> None:
    known = names(move("user", "later", is_number=False), user="number", later="number")
    assert known.departures("number") == known.arrivals("number") == []


def test_another_user_id_leaves_the_number_only_if_it_is_known_to_have_another_one() -> None:
    change = move("user", "later", is_number=False)
    assert names(change, user="number").departures("number") == []
    assert names(change, user="number", later="another").departures("number") == [change]


def test_what_was_before_a_move_counts_for_whoever_the_person_became() -> None:
    known = names(move("a", "b", 1), move("b", "c", 2), move("a", "stranger's", 5))
    assert known.successors("a", NOON) == {"a", "b", "c", "stranger's"}
    assert known.successors("a", NOON + 2 * HOUR) == {"a", "stranger's"}
    assert known.successors("a", NOON + 6 * HOUR) == {"a"}


def test_a_later_owner_does_not_follow_an_earlier_one() -> None:
    known = names(move("a", "b", 3), move("b", "c", 1))
    assert known.successors("a", NOON) == {"a", "b"}


def test_numbers_that_go_round_in_a_circle_end() -> None:
    known = names(move("a", "b", 1), move("b", "a", 2))
    assert known.successors("a", NOON) == {"a", "b"}
    assert known.successors("b", NOON + timedelta(hours=1.5)) == {"a", "b"}
    assert {(one.source, one.target) for one in known.carried()} == {("a", "b"), ("b", "a")}


def test_a_user_id_seen_beside_another_number_has_moved_there() -> None:
    known = Names([beside("user", "old", 0, 2), beside("user", "new", 5, 8)], (), ())
    assert known.root("user") == "new"
    assert [known.root("user", NOON + hours * HOUR) for hours in (-1, 2, 5, 6)] == ["old", "old", "old", "new"]
    assert known.members("old") == [Member("old", FOR_EVER), Member("user", NOON + 5 * HOUR)]
    assert known.names("old") == ["old"]
    assert known.names("new") == ["new", "user"]
    [left] = known.departures("old")
    assert (left, left.at) == (*known.arrivals("new"), NOON + 5 * HOUR)
    assert known.successors("user", NOON + HOUR) == {"old", "new"}
    assert known.successors("user", NOON + 6 * HOUR) == {"new"}


def test_a_notice_says_when_a_user_ids_number_was_left() -> None:
    known = Names([beside("user", "old", 0, 2), beside("user", "new", 5, 8)], [move("old", "new", 3)], ())
    assert {one.at for one in known.departures("old")} == {NOON + 3 * HOUR}
    assert known.root("user", NOON + 4 * HOUR) == "new"


def test_numbers_of_a_user_id_that_are_seen_in_turns_follow_one_another() -> None:
    known = Names([beside("user", "a", 0, 9), beside("user", "b", 3, 6), beside("user", "c", 1, 7)], (), ())
    assert known.root("user") == "a"
    assert [(one.previous, one.current, one.at) for one in known.moves] == [
        ("b", "c", NOON + 6 * HOUR),
        ("c", "a", NOON + 7 * HOUR),
    ]


def test_a_user_id_without_a_number_may_still_have_the_number_of_the_one_before() -> None:
    change, again = move("user", "later", 1, is_number=False), move("later", "last", 2, is_number=False)
    known = names(change, again, user="number")
    assert known.heirs("number") == [Member("later", FOR_EVER), Member("last", FOR_EVER)]
    assert known.heirs("later") == [Member("last", FOR_EVER)]
    assert known.heirs("last") == []
    assert known.touched("last", NOON + 5 * HOUR) == {"last", "later", "number"}
    assert known.root("later") == "later"


def test_a_user_id_without_a_number_is_nobodys_heir_once_its_number_is_known() -> None:
    change = move("user", "later", 1, is_number=False)
    known = Names([beside("user", "number"), beside("later", "another", 6)], [change], ())
    assert known.heirs("number") == [Member("later", NOON + 6 * HOUR)]
    assert names(change, user="number", later="number").heirs("number") == []


def test_who_takes_another_number_is_no_heir_of_the_old_one() -> None:
    assert names(move("old", "new")).heirs("old") == []
    assert names(move("user", "new"), user="old").heirs("old") == []
