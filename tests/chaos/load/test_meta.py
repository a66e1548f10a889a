"""What Meta received tells when messages moved again."""

from datetime import UTC, datetime
from typing import Any, cast

from tests.chaos.load.meta import Meta


def _meta(*came: tuple[str, float]) -> Meta:
    meta = Meta(cast(Any, None))
    meta.rows = [
        {"biz_opaque_callback_data": name, "at": datetime.fromtimestamp(at, UTC).isoformat()} for name, at in came
    ]
    return meta


def test_what_was_answered_before_says_nothing_and_of_the_others_the_first_counts() -> None:
    meta = _meta(("old", 99.0), ("waited", 101.0), ("new", 102.5), ("later", 103.0), ("unanswered", 104.0))
    answered = {"old": 98.0, "waited": 99.5, "new": 100.5, "later": 102.0}
    assert meta.first_after(100.0, answered) == 102.5


def test_nothing_new_has_come() -> None:
    assert _meta(("waited", 101.0)).first_after(100.0, {"waited": 99.0}) is None
    assert _meta().first_after(100.0, {}) is None
