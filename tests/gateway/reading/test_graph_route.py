"""Whatever goes wrong in a Graph-shaped route is said in Meta's envelope, with a code that a client knows."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.gateway.graph.routing import graph_error_of
from services.kernel.db import Database
from services.kernel.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Overloaded,
    ServiceError,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from services.kernel.identifiers import uuid7
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.reading.stand import get
from tests.gateway.stand import WABA_ID, Keys, database_down, running


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unauthorized("give a key"), (401, 190, None)),
        (Forbidden("lacks the scope"), (403, 10, None)),
        (NotFound("nothing"), (400, 100, None)),
        (TooLarge("too large"), (413, 100, None)),
        (Unprocessable("a value"), (400, 100, None)),
        (Conflict("a state"), (400, 100, None)),
        (TooManyRequests("slow down", 7), (429, 130429, 7)),
        (Unavailable("away", 3), (503, 2, 3)),
        (Overloaded("full"), (503, 2, 1)),
        (TimeoutError(), (503, 2, 1)),
        (ConnectionRefusedError(), (503, 2, 1)),
    ],
)
def test_every_expected_error_has_its_code(error: Exception, expected: tuple[int, int, int | None]) -> None:
    graph = graph_error_of(error, "GET")
    assert (graph.status, graph.graph_code, graph.retry_after_seconds) == expected


def test_what_is_not_found_is_metas_answer_for_every_unknown_id() -> None:
    graph = graph_error_of(NotFound("the media 7 of tenant 8"), "DELETE")
    envelope = str(graph.envelope("trace"))
    assert (graph.title, graph.subcode) == ("Unsupported delete request", 33)
    assert "tenant 8" not in envelope


def test_the_details_begin_like_a_sentence_and_end_like_one() -> None:
    assert graph_error_of(ServiceError("give a key"), "GET").message == "Give a key."
    assert graph_error_of(Forbidden("Already one."), "GET").message == "Already one."


def test_a_bug_is_raised_again() -> None:
    with pytest.raises(KeyError):
        graph_error_of(KeyError("x"), "GET")


async def test_while_the_database_is_down_the_answer_is_503_in_metas_envelope(
    infrastructure: Infrastructure,
    make_database: Callable[[str], Awaitable[Database]],
    keys: Keys,
    kek_file: Path,
) -> None:
    database = await make_database("gateway")
    async with running(infrastructure, database, keys, kek_file) as process:
        tenant = await process.new_tenant()
        assert (await get(process, tenant, f"{tenant.phone_number_id}?fields=id")).status == 200
        async with database_down(infrastructure, database):
            for path in (str(uuid7()), f"{WABA_ID}/message_templates"):
                answer = await get(process, tenant, path)
                assert (answer.status, answer.error["code"]) == (503, 2)
                assert answer.headers["Retry-After"] == "1"
            known = await get(process, tenant, f"{tenant.phone_number_id}?fields=id")
            assert known.status == 200, "what was asked a moment ago is remembered"
