"""The lanes of the sandbox take turns."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox.webhooks.lane import Lane

LANES = 8
EVERY_SECONDS = 0.05


@given(now=st.floats(0, 10**7))
def test_lanes_that_were_answered_together_post_one_after_another(now: float) -> None:
    turns = sorted(Lane(number).until_turn(now, of=LANES, every=EVERY_SECONDS) for number in range(LANES))

    assert turns[0] >= 0
    assert turns[-1] <= EVERY_SECONDS
    apart = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert apart == pytest.approx([EVERY_SECONDS / LANES] * (LANES - 1), abs=1e-6)
