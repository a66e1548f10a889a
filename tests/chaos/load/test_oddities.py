"""What Meta does to people follows from the seed, and the sandbox understands all of it."""

import random

from services.sandbox.scenarios.schemas import Scenario
from tests.chaos.load.oddities import ODD_SHARE, ORDINARY, Oddity, draw

PEOPLE = 2_000


def _draws(seed: int) -> list[Oddity]:
    chance = random.Random(seed)
    return [draw(chance) for _ in range(PEOPLE)]


def test_the_same_seed_gives_the_same_people() -> None:
    assert _draws(7) == _draws(7)
    assert _draws(7) != _draws(8)


def test_a_third_is_odd_in_every_way_and_the_sandbox_knows_each() -> None:
    odd = [one for one in _draws(7) if one != ORDINARY]
    assert abs(len(odd) / PEOPLE - ODD_SHARE) < 0.05
    assert len({one.name for one in odd}) == 14
    for one in odd:
        Scenario(**one.scenario)


def test_silent_are_those_of_whom_nothing_final_is_reported() -> None:
    silent = {one.name for one in _draws(7) if one.is_silent}
    assert silent == {"silent", "only sent", "dropped and silent"}
