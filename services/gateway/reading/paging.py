"""Pages in Meta's shape: cursors that say nothing, and a `next` that leads to us."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from services.gateway.graph.errors import InvalidParameter

LIMIT_DEFAULT = 25
LIMIT_MAX = 100
CURSOR_CHARACTERS_MAX = 100

T = TypeVar("T")


class Turn(NamedTuple):
    """What is asked of one page: where it begins, how long it is, and the url and query that asked for it."""

    after: str | None
    limit: int
    url: str
    query: Mapping[str, str]


def encode(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


def decode(cursor: str | None, read: Callable[[str], T]) -> T | None:
    """The place behind a cursor of ours; raises InvalidParameter."""
    if cursor is None:
        return None
    try:
        return read(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        raise InvalidParameter("after: this is not a cursor of ours; take paging.cursors.after.") from None


def page(data: Sequence[dict[str, Any]], places: Sequence[str], turn: Turn, *, is_last: bool) -> dict[str, Any]:
    """`{"data", "paging"}`; an empty page has no paging, and the last one no `next`."""
    if not data:
        return {"data": []}
    cursors = {"before": encode(places[0]), "after": encode(places[-1])}
    paging: dict[str, Any] = {"cursors": cursors}
    if not is_last:
        query = {**turn.query, "limit": str(turn.limit), "after": cursors["after"]}
        paging["next"] = f"{turn.url}?{urlencode(query)}"
    return {"data": list(data), "paging": paging}
