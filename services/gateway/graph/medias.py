"""Pictures, sounds, films, documents and stickers of a send request: by link or by the id of an upload."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.decoding import missing, wrong
from services.gateway.graph.errors import InvalidParameter

KINDS = frozenset({"image", "video", "audio", "document", "sticker"})
CAPTIONED = frozenset({"image", "video", "document"})

# The host part as browsers take it; Meta fetches it, we never do.
_LINK = re.compile(r"https?://[^\s/?#]+[^\s\x00-\x1f\x7f]*", re.IGNORECASE)


class Media(msgspec.Struct, omit_defaults=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MEDIA_ID_CHARACTERS_MAX)] | None = None
    link: str | None = None
    caption: Annotated[str, msgspec.Meta(max_length=limits.CAPTION_CHARACTERS_MAX)] | None = None
    filename: Annotated[str, msgspec.Meta(max_length=limits.FILE_NAME_CHARACTERS_MAX)] | None = None
    voice: bool | None = None


class MediaUse(NamedTuple):
    """An id of ours in a request; `keys` lead to it from the request's root."""

    id: str
    keys: tuple[str | int, ...]

    @property
    def path(self) -> str:
        parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return "".join(parts).removeprefix(".")

    def replace(self, body: dict[str, Any], other_id: str) -> None:
        """Write another id in its place."""
        place: Any = body
        for key in self.keys[:-1]:
            place = place[key]
        place[self.keys[-1]] = other_id


def check_media(kind: str, media: Media, at: str, *, is_captioned: bool = True) -> None:
    """By link or by id, and only with the fields that its kind has."""
    if media.id is not None and media.link is not None:
        wrong(f"{at}: give id or link, not both.")
    if media.link is not None:
        check_link(media.link, f"{at}.link")
    elif media.id is None:
        missing(f"{at}.id or {at}.link is required: the id of an upload, or where Meta can fetch the file.")
    if media.caption is not None and not (is_captioned and kind in CAPTIONED):
        raise InvalidParameter(f"{at}.caption is not possible here: leave it out.")
    if media.filename is not None and kind != "document":
        raise InvalidParameter(f"{at}.filename is only possible with a document: leave it out.")
    if media.voice is not None and kind != "audio":
        raise InvalidParameter(f"{at}.voice is only possible with audio: leave it out.")


def check_link(link: str, at: str) -> None:
    if len(link) > limits.URL_CHARACTERS_MAX:
        raise InvalidParameter(f"{at} must be at most {limits.URL_CHARACTERS_MAX} characters long.")
    if not _LINK.fullmatch(link):
        wrong(f"{at} must be a whole http or https URL.")


def uses(value: Any, keys: tuple[str | int, ...]) -> Iterator[MediaUse]:
    """Every media id inside a part of a request (JSON as Python has it); what stands under `action` is not ours."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in KINDS and isinstance(inner, dict) and inner.get("id") is not None:
                yield _use(inner["id"], (*keys, key, "id"))
            elif key != "action":
                yield from uses(inner, (*keys, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from uses(inner, (*keys, index))


def _use(id_: Any, keys: tuple[str | int, ...]) -> MediaUse:
    use = MediaUse(id_, keys)
    if not isinstance(id_, str):
        wrong(f"{use.path} must be text: the id of an upload.")  # else it would go to Meta as Meta's own
    return use
