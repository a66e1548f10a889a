"""Asks over HTTP and keeps what a caller could tell two answers apart by."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp

# Differs from answer to answer of the same route.
PASSING_HEADERS = frozenset({"date", "content-length", "ratelimit"})


class Answer(NamedTuple):
    """Status, headers and body; with every mention of what was asked for replaced by the same word."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def about(self, *asked_for: str) -> "Answer":
        """The answer with the caller's own words taken out, so that two answers can be compared."""
        text = json.dumps(self.body, ensure_ascii=False)
        for word in asked_for:
            text = text.replace(word, "ASKED-FOR")
        return self._replace(body=_without_passing(json.loads(text)))


def _without_passing(body: Any) -> Any:
    if isinstance(body, list):
        return [_without_passing(item) for item in body]
    if isinstance(body, dict):
        return {name: _without_passing(value) for name, value in body.items() if name != "fbtrace_id"}
    return body


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    **sent: Any,
) -> Answer:
    """One request as the holder of `token`."""
    given = {**(headers or {}), **({} if token is None else {"Authorization": f"Bearer {token}"})}
    async with session.request(method, url, headers=given, **sent) as answer:
        text = await answer.text()
        kept = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in PASSING_HEADERS}
        try:
            body = json.loads(text)
        except ValueError:
            body = text
        return Answer(answer.status, kept, body)
