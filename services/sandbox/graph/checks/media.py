"""Media in a message: by the id of an upload, or by a link that Meta would fetch."""

from collections.abc import Callable

from services.sandbox.graph.checks.fields import Part, invalid, missing, optional_text, part, text, url
from services.sandbox.refusals import GraphError

CAPTION_MAX, FILENAME_MAX = 1024, 240  # characters
CAPTIONED = frozenset({"image", "video", "document"})
KINDS = ("image", "audio", "video", "document", "sticker")

#: Which kind of media an uploaded id of this business number is; None when the number has no such id.
KindOf = Callable[[str], str | None]


def check(kind: str, given: object, where: str, kind_of: KindOf) -> None:
    """Raise what Meta answers to this `image`, `audio`, `video`, `document` or `sticker`."""
    media = part(given, where)
    check_source(kind, media, where, kind_of)
    if optional_text(media, "caption", where, most=CAPTION_MAX) is not None and kind not in CAPTIONED:
        raise GraphError(100, f"Invalid parameter: {where} takes no caption.")
    if optional_text(media, "filename", where, most=FILENAME_MAX) is not None and kind != "document":
        raise GraphError(100, f"Invalid parameter: {where} takes no filename.")
    if not isinstance(media.get("voice", False), bool):
        raise GraphError(100, f"Invalid parameter: {where}['voice'] must be true or false.")


def check_source(kind: str, media: Part, where: str, kind_of: KindOf) -> None:
    if media.get("id") is not None and media.get("link") is not None:
        raise invalid(where, "must have an id or a link, not both")
    if media.get("link") is not None:
        url(media, "link", where)
        return
    if media.get("id") is None:
        raise missing(f"{where}['id'] or {where}['link']")
    stored = kind_of(text(media, "id", where, most=100))
    if stored is None:
        raise invalid(f"{where}['id']", "is not the id of a medium of this business number")
    if kind not in (stored, "document"):
        raise GraphError(131053, f"The medium in {where}['id'] is of the kind {stored}, not {kind}.")
