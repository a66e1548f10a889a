"""The histogram of how long the webhook took to answer."""

from services.sandbox.webhooks.acknowledgements import BOUNDS_MS, LIMIT_MS, Acknowledgements


def counts(*seconds: float) -> list[int | float]:
    acknowledgements = Acknowledgements()
    for one in seconds:
        acknowledgements.note(one)
    return list(acknowledgements.view()["counts"])


def test_metas_limit_is_a_bound() -> None:
    assert LIMIT_MS in BOUNDS_MS


def test_exactly_the_limit_is_not_over_it() -> None:
    at = BOUNDS_MS.index(LIMIT_MS)
    assert counts(0.25)[at] == 1
    assert counts(0.2501)[at + 1] == 1


def test_nothing_is_too_short_or_too_long_to_count() -> None:
    assert counts(0.0)[0] == 1
    assert counts(3_600.0)[-1] == 1
