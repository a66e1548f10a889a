"""The file that a person's message names, or why there is none."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.gateway.media.errors import DOWNLOAD_CODE
from services.gateway.media.forms import FILENAME_CHARACTERS_MAX
from services.gateway.media.service import media_of

UNSUPPORTED_CODE = 131051


class NothingToFetch(Exception):
    """The message holds no file after all: an edit of a text, or a medium without an id."""


class NotGivenOut(Exception):
    """Meta will never give this file out, for the reason that its code names."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Found(NamedTuple):
    """What the person's message says of its file; `digest` in hexadecimal digits, empty when it names none."""

    meta_id: str
    mime: str
    digest: str
    filename: str | None

    def __repr__(self) -> str:
        return f"Found(mime={self.mime!r})"


def found_in(message: dict[str, Any]) -> Found:
    """The file of one of Meta's messages; raises NotGivenOut when its errors say so, NothingToFetch."""
    codes = [error.get("code") for error in _objects(message.get("errors"))]  # whatever stands there
    media = media_of(message)
    if media is None:
        for code in (DOWNLOAD_CODE, UNSUPPORTED_CODE):
            if code in codes:
                raise NotGivenOut(code)
        raise NothingToFetch
    meta_id = media["id"]
    if not meta_id.isascii() or not meta_id.isalnum():  # it becomes part of a path
        raise NotGivenOut(DOWNLOAD_CODE)
    name = media.get("filename")
    return Found(
        meta_id=meta_id,
        mime=str(media.get("mime_type") or ""),
        digest=_hex_digest(media.get("sha256")),
        filename=name[:FILENAME_CHARACTERS_MAX] if isinstance(name, str) and name else None,
    )


def _objects(value: Any) -> Sequence[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _hex_digest(value: Any) -> str:
    """Meta writes digests in base64 in webhooks and in hexadecimal digits elsewhere; anything else proves nothing."""
    if not isinstance(value, str):
        return ""
    try:
        raw = bytes.fromhex(value) if len(value) == 64 else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return raw.hex() if len(raw) == 32 else ""
