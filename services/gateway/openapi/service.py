"""What of the document is served: files that are made with the code and do not change while it runs."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
MEDIA_TYPES = {
    "document.json": "application/json",
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}


class File(NamedTuple):
    """One file with its strong ETag."""

    body: bytes
    media_type: str
    etag: str


@cache
def file(name: str) -> File:
    """One of the files that may be read without a key; KeyError for any other."""
    media_type = MEDIA_TYPES[name]
    body = (FOLDER / name).read_bytes()
    return File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def is_known(wanted: str | None, etag: str) -> bool:
    """Whether the caller's `If-None-Match` names what it would get."""
    tags = [tag.strip().removeprefix("W/") for tag in (wanted or "").split(",")]
    return etag in tags or "*" in tags
