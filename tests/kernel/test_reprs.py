"""What a traceback or a log line may show of an exchange: no token, and no body."""

import pytest

from services.kernel.client import Answer as RemoteAnswer
from services.kernel.hot import Answer
from services.kernel.tokens import _Issued

SECRET = "eyJhbGciOiJFZERTQSJ9"


@pytest.mark.parametrize(
    "one",
    [
        _Issued(SECRET, 0.0),
        Answer(200, (), SECRET.encode()),
        RemoteAnswer(200, "application/json", SECRET.encode(), None),
    ],
    ids=lambda one: type(one).__module__,
)
def test_a_token_or_a_body_stands_in_no_repr(one: tuple[object, ...]) -> None:
    assert SECRET in repr(tuple(one))
    assert SECRET not in repr(one)
