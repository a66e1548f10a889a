"""Which identities are one person, and who a person was before."""

from datetime import timedelta
from uuid import UUID

from services.consent.aliases.names import FOR_EVER, Carried, Move, Names
from tests.consent.stand import HOUR, NOON


def move(previous: str, current: str, hours: int = 0, *, is_number: bool = True) -> Move:
    return Move(UUID(int=hours + 1), previous, current, is_number, NOON + hours * HOUR)


def names(*moves: Move, **links: str) -> Names:
    return Names(links.items(), moves, ())


def test_a_user_id_and_its_number_are_one_person_known_by_the_number() -> None:
    known = names(user="number", other="number")
    assert known.root("user") == known.root("number") == "number"
    assert known.members("number") == ["number", "other", "user"]
    assert known.roots == ["number"]
    assert sorted(known.carried()) == [Carried("other", "number", FOR_EVER), Carried("user", "number", FOR_EVER)]


def test_somebody_who_is_not_connected_stands_alone() -> None:
    assert names().root("anybody") == "anybody"
    assert names().members("anybody") == ["anybody"]


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
