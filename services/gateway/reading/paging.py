"""Pages in Meta's shape: cursors that say nothing, and a `next` that leads to us."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from services.gateway.graph.errors import InvalidParameter
from services.kernel.crypto import b64url, unb64url

LIMIT_DEFAULT = 25
LIMIT_MAX = 100

T = TypeVar("T")


class Turn(NamedTuple):
    """What is asked of one page: where it begins, how long it is, and the url and query that asked for it."""

    after: str | None
    limit: int
    url: str
    query: Mapping[str, str]


def encode(place: str) -> str:
    return b64url(place.encode())


def decode(cursor: str | None, read: Callable[[str], T]) -> T | None:
    """The place behind a cursor of ours; raises InvalidParameter."""
    if cursor is None:
        return None
    try:
        return read(unb64url(cursor).decode("ascii"))
    except ValueError:
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
