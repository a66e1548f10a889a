"""Lists are read to their end, also where the API is away for a moment."""

from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.chaos.load import asking
from tests.chaos.load.asking import pages
from tests.e2e.harness.tenants import Answer, Tenant

A, B, C = ({"id": name} for name in "abc")
BOOK = {"": ([A, B], "two"), "two": ([], "three"), "three": ([C], None)}  # cursor: (page, next)


class Api:
    """A tenant's API that fails at first."""

    def __init__(self, *failures: Answer | Exception) -> None:
        self._failures = list(failures)
        self.states: list[list[str]] = []

    async def call(self, _method: str, path: str) -> Answer:
        if self._failures:
            failure = self._failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        question = parse_qs(urlsplit(path).query)
        self.states.append(question.get("state", []))
        data, following = BOOK[question.get("cursor", [""])[0]]
        return Answer(200, {}, {"data": data, "paging": {"next": following}})


async def test_every_page_is_read_also_behind_an_empty_one() -> None:
    api = Api()
    assert await pages(cast(Tenant, cast(Any, api)), "/v1/messages", ["accepted", "sending"]) == [A, B, C]
    assert api.states == [["accepted", "sending"]] * 3


async def test_an_outage_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0.01)
    api = Api(aiohttp.ServerDisconnectedError(), Answer(503, {}, None))
    assert await pages(cast(Tenant, cast(Any, api)), "/v1/messages") == [A, B, C]
