"""The multipart body of an upload, read as a stream: its parts may come in any order, and the file is never held."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from python_multipart.multipart import MultipartParser, parse_options_header

from services.gateway.graph.errors import InvalidParameter
from services.gateway.media import limits
from services.gateway.media.files import Spool

FIELD_BYTES_MAX = 1_024
FIELDS_MAX = 16
HEADER_BYTES_MAX = 4_096  # of one part
FORM_BYTES_MAX = limits.FILE_BYTES_MAX + 64 * 1024  # what stands around the largest file
FILENAME_CHARACTERS_MAX = 240
QUERY_FIELDS = ("messaging_product", "type")

_MIME = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,100}(?: *; *[a-zA-Z0-9-]{1,32}=[a-zA-Z0-9.,_\"-]{1,64})?"
)
_BOUNDARY = re.compile(rb"[\x20-\x7e]{1,70}")


class Form(NamedTuple):
    """What a form says beside its file; `mime` is the type that is to be believed."""

    mime: str
    filename: str | None


class _Part:
    def __init__(self) -> None:
        self.name = ""
        self.filename: str | None = None
        self.mime = ""
        self.value = bytearray()
        self._headers: dict[str, bytes] = {}
        self._field = b""
        self._header_bytes = 0

    def header_field(self, piece: bytes) -> None:
        self._field += piece
        self._count(piece)

    def header_value(self, piece: bytes) -> None:
        name = self._field.decode("latin-1").lower()
        self._headers[name] = self._headers.get(name, b"") + piece
        self._count(piece)

    def header_end(self) -> None:
        self._field = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self.name = _text(options.get(b"name", b""))
        if b"filename" in options:
            self.filename = unquote(_text(options[b"filename"]))[:FILENAME_CHARACTERS_MAX] or None
        self.mime = _checked_mime("file", _text(self._headers.get("content-type", b"")))
        if not self.name:
            raise InvalidParameter('Each part of the form needs a name: Content-Disposition: form-data; name="file".')

    def _count(self, piece: bytes) -> None:
        self._header_bytes += len(piece)
        if self._header_bytes > HEADER_BYTES_MAX:
            raise InvalidParameter(f"The headers of one part of the form have more than {HEADER_BYTES_MAX} bytes.")


class Head(NamedTuple):
    """What an upload says before its body: its Content-Type, and fields in the query, where Meta takes them too."""

    content_type: str
    query: Mapping[str, str] = {}


class FormReader:
    """Feeds the parser and sorts what comes out: the file into its spool, fields into a small dictionary."""

    def __init__(self, head: Head, spool: Spool) -> None:
        self._spool = spool
        self._parts = 0
        self._part = _Part()
        self._file: _Part | None = None
        self._fields = {name: head.query[name] for name in QUERY_FIELDS if name in head.query}
        self._of_file: list[bytes] = []
        self._is_complete = False
        self._parser = MultipartParser(
            _boundary(head.content_type),
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._part.header_field(data[start:end]),
                "on_header_value": lambda data, start, end: self._part.header_value(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._complete,
            },
        )

    async def read(self, body: AsyncIterator[bytes]) -> Form:
        """Read to the end; raises InvalidParameter (100) and UploadFailed (131053), and reads no further then."""
        async for piece in body:
            if piece:
                await self._feed(piece)
        if not self._is_complete:
            raise InvalidParameter("The form ends before its closing boundary: send the whole body.")
        return self._checked()

    async def _feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except (ValueError, IndexError) as error:  # MultipartParseError is a ValueError; its text quotes the body
            raise InvalidParameter(
                "The body is not a multipart/form-data form: check boundary and part headers."
            ) from error
        for found in self._of_file:
            await self._spool.write(found)
        self._of_file.clear()
        if self._file is not None and self._spool.size > (bytes_max := limits.bytes_max_of(self._file.mime)):
            raise limits.too_large(self._file.mime, bytes_max)

    def _checked(self) -> Form:
        if self._file is None:
            raise InvalidParameter("file is required: send it as the part named file.")
        if (product := self._fields.get("messaging_product")) != "whatsapp":
            words = "is required" if product is None else "is not known"
            raise InvalidParameter(f"messaging_product {words}: send whatsapp.")
        of_field = _checked_mime("type", self._fields.get("type", ""))
        return Form(limits.chosen_type(self._file.mime, of_field), self._file.filename)

    def _begin(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > FIELDS_MAX:
            raise InvalidParameter(f"The form has more than {FIELDS_MAX} parts: send file, messaging_product and type.")

    def _header_end(self) -> None:
        self._part.header_end()

    def _headers_finished(self) -> None:
        self._part.headers_finished()
        if self._part.name == "file":
            if self._file is not None:
                raise InvalidParameter("file is given twice: upload one file at a time.")
            self._file = self._part

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part is self._file:
            self._of_file.append(data[start:end])
            return
        self._part.value += data[start:end]
        if len(self._part.value) > FIELD_BYTES_MAX:
            raise InvalidParameter(f"{self._part.name[:64]}: a field has at most {FIELD_BYTES_MAX} bytes.")

    def _end(self) -> None:
        if self._part is not self._file:
            self._fields[self._part.name] = _text(bytes(self._part.value)).strip()

    def _complete(self) -> None:
        self._is_complete = True


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise InvalidParameter("Content-Type must be multipart/form-data with a boundary: upload the file as a form.")
    return boundary


def is_mime(text: str) -> bool:
    """Whether the text is a MIME type, perhaps with one parameter."""
    return _MIME.fullmatch(text) is not None


def _checked_mime(field: str, mime: str) -> str:
    mime = mime.strip()
    if mime and not is_mime(mime):
        raise InvalidParameter(f"{field}: its type must be a MIME type such as image/jpeg.")
    return mime


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
