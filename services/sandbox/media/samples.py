"""Small real files, made by hand: what people send when nobody says what."""

import base64
import math
import random
import struct
import zlib
from typing import NamedTuple

WIDTH, HEIGHT = 320, 240
VOICE_FRAMES = 50  # of 20 ms: one second of silence
OPUS_SILENCE = b"\xf8\xff\xfe"
OPUS_FRAME_SAMPLES = 960
OGG_POLYNOMIAL = 0x04C11DB7
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")


class Sample(NamedTuple):
    mime_type: str
    content: bytes
    filename: str | None = None


def of_kind(kind: str, seed: str) -> Sample:
    """A PNG, an OGG/Opus voice note, a PDF, a WebP, or the beginning of an MP4."""
    if kind == "image":
        return Sample("image/png", png(seed))
    if kind == "audio":
        return Sample("audio/ogg; codecs=opus", voice(zlib.crc32(seed.encode())))
    if kind == "document":
        return Sample("application/pdf", pdf(seed), "sandbox.pdf")
    if kind == "sticker":
        return Sample("image/webp", WEBP)
    return Sample("video/mp4", mp4(seed))


def png(seed: str) -> bytes:
    """Hills under a sun, coloured by the seed."""
    chance = random.Random(seed)  # noqa: S311  # colours
    sky, hill = ([chance.randrange(90, 230) for _ in range(3)] for _ in range(2))
    sun_x, sun_y, height = chance.randrange(40, WIDTH - 40), chance.randrange(30, 90), chance.randrange(120, 170)
    rows = []
    for y in range(HEIGHT):
        row = bytearray([0])
        for x in range(WIDTH):
            ground = height + 25 * math.sin(x / 40 + sun_x)
            if (x - sun_x) ** 2 + (y - sun_y) ** 2 < 22**2:
                row += b"\xff\xe0\x66"
            elif y > ground:
                row += bytes(max(0, part - (y - int(ground)) // 2) for part in hill)
            else:
                row += bytes(min(255, part + y // 6) for part in sky)
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(rows), 9)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def voice(serial: int) -> bytes:
    """One second of silence in OGG/Opus, mono (RFC 7845)."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 7) + b"sandbox" + struct.pack("<I", 0)
    sound = [OPUS_SILENCE] * VOICE_FRAMES
    end = VOICE_FRAMES * OPUS_FRAME_SAMPLES
    return _page(2, 0, serial, 0, [head]) + _page(0, 0, serial, 1, [tags]) + _page(4, end, serial, 2, sound)


def _page(flags: int, position: int, serial: int, number: int, packets: list[bytes]) -> bytes:
    lengths = bytes(len(packet) for packet in packets)
    head = b"OggS" + struct.pack("<BBqIII", 0, flags, position, serial, number, 0) + bytes([len(packets)]) + lengths
    page = head + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def _ogg_crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ OGG_POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def pdf(seed: str) -> bytes:
    """One page with one line of text."""
    line = f"BT /F1 24 Tf 40 100 Td (Sandbox document {zlib.crc32(seed.encode()):08x}) Tj ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(line), line),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size, start = len(objects) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\n" % (size, table, size)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def mp4(seed: str) -> bytes:
    """The file type and some free room: enough for whoever only looks at the type."""
    free = f"sandbox video {seed}".encode()
    head = b"ftypisom" + struct.pack(">I", 0x200) + b"isomiso2mp41"
    return struct.pack(">I", 4 + len(head)) + head + struct.pack(">I", 8 + len(free)) + b"free" + free
