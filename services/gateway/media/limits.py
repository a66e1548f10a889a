"""Which files WhatsApp takes, and how large (whatsapp-cloud-api 5.4)."""

from services.gateway.graph.errors import GraphError, InvalidParameter

KIB, MIB = 1024, 1024 * 1024
AUDIO_BYTES_MAX = 16 * MIB
VIDEO_BYTES_MAX = 16 * MIB
IMAGE_BYTES_MAX = 5 * MIB
STICKER_BYTES_MAX = 100 * KIB
ANIMATED_STICKER_BYTES_MAX = 500 * KIB
DOCUMENT_BYTES_MAX = 100 * MIB
FILE_BYTES_MAX = DOCUMENT_BYTES_MAX  # the largest that exists, also for what people send
TENANT_FILES_MAX = 100_000  # in each direction; how many bytes is a setting
ANY_TYPE = frozenset({"", "application/octet-stream", "binary/octet-stream"})  # says nothing about the file

_OFFICE = "application/vnd.openxmlformats-officedocument."
_BYTES_MAX = {
    **dict.fromkeys(("audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg", "audio/opus"), AUDIO_BYTES_MAX),
    **dict.fromkeys(
        (
            "application/vnd.ms-powerpoint",
            "application/msword",
            f"{_OFFICE}wordprocessingml.document",
            f"{_OFFICE}presentationml.presentation",
            f"{_OFFICE}spreadsheetml.sheet",
            "application/pdf",
            "text/plain",
            "application/vnd.ms-excel",
        ),
        DOCUMENT_BYTES_MAX,
    ),
    **dict.fromkeys(("image/jpeg", "image/png"), IMAGE_BYTES_MAX),
    "image/webp": ANIMATED_STICKER_BYTES_MAX,
    **dict.fromkeys(("video/mp4", "video/3gpp"), VIDEO_BYTES_MAX),
}
MIME_TYPES = tuple(_BYTES_MAX)


class UploadFailed(GraphError):
    """Meta's own code for a file that it does not take."""

    graph_code = 131053
    title = "Media upload error"


def base_of(mime: str) -> str:
    """The type without its parameters: "audio/ogg; codecs=opus" is an audio/ogg."""
    return mime.partition(";")[0].strip().lower()


def bytes_max_of(mime: str) -> int:
    """How large a file of this type may be; the largest of all for a type that says nothing."""
    return _BYTES_MAX.get(base_of(mime), FILE_BYTES_MAX)


def chosen_type(of_file: str, of_field: str) -> str:
    """The type of an upload: what the file's own part says, else the field `type`; raises InvalidParameter (100)."""
    for mime in (of_file, of_field):
        if base_of(mime) in _BYTES_MAX:
            return mime
    named = next((mime for mime in (of_file, of_field) if base_of(mime) not in ANY_TYPE), of_file)
    raise InvalidParameter(
        f"Param file must be a file with one of the following types: {', '.join(MIME_TYPES)}. "
        f"Received file of type '{named or 'application/octet-stream'}'."
    )


def check_file(mime: str, size: int, head: bytes) -> None:
    """Raises UploadFailed (131053) for a file that is empty, or larger than its kind may be."""
    if size == 0:
        raise UploadFailed("file: the file is empty: send at least one byte.")
    bytes_max = bytes_max_of(mime)
    if base_of(mime) == "image/webp" and not _is_animated(head):
        bytes_max = STICKER_BYTES_MAX
    if size > bytes_max:
        raise too_large(mime, bytes_max)


def too_large(mime: str, bytes_max: int) -> UploadFailed:
    return UploadFailed(f"file: a file of type {base_of(mime) or 'unknown'} may have at most {bytes_max} bytes.")


def _is_animated(head: bytes) -> bool:
    """The flag of the extended header of a WebP file."""
    return head[:4] == b"RIFF" and head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
