"""What stands beside each file, and what Meta allows of each kind."""

from typing import Literal

import msgspec

Kind = Literal["audio", "document", "image", "sticker", "video"]

MEBIBYTE = 1 << 20
UPLOAD_DAYS, INBOUND_DAYS = 30, 7  # how long an id lives

#: `whatsapp-cloud-api.md`, 5.4; a sticker's limit is that of an animated one.
MAX_BYTES: dict[Kind, int] = {
    "audio": 16 * MEBIBYTE,
    "document": 100 * MEBIBYTE,
    "image": 5 * MEBIBYTE,
    "sticker": 500 * 1024,
    "video": 16 * MEBIBYTE,
}
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus"), "audio"),
    **dict.fromkeys(("image/jpeg", "image/png"), "image"),
    "image/webp": "sticker",
    **dict.fromkeys(("video/mp4", "video/3gpp"), "video"),
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        "document",
    ),
}


class Medium(msgspec.Struct, frozen=True):
    """`sha256` is lower-case hex, times are Unix seconds."""

    id: str
    phone_number_id: str
    mime_type: str
    kind: Kind
    sha256: str
    size: int  # bytes
    stored_at: float
    expires_at: float
    filename: str | None = None


def kind_of(mime_type: str) -> Kind | None:
    """None for a type that Meta does not take; parameters such as codecs do not matter."""
    return KINDS.get(mime_type.partition(";")[0].strip().lower())
