"""The forms in which a text or a phone number could stand somewhere: as it is, escaped, encoded, hashed."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

HASHES = ("sha256", "sha1", "md5")
BASE64_BITS, BYTE_BITS = 6, 8
ENOUGH_BYTES = 8  # a shorter form would be found by chance


class Secret(NamedTuple):
    """What must not be found: its name for the report, and every spelling of it."""

    name: str
    spellings: tuple[str, ...]


class Form(NamedTuple):
    """The bytes to look for, and how they were made."""

    name: str
    needle: bytes


def text(name: str, value: str) -> Secret:
    """A secret with one spelling."""
    return Secret(name, (value,))


def phone(name: str, number: str) -> Secret:
    """A Russian mobile number in E.164, as people and programs write it; the first spelling is the shortest."""
    digits = number.removeprefix("+")
    area, first, second, third = digits[1:4], digits[4:7], digits[7:9], digits[9:]
    assert digits.startswith("7")
    assert len(digits) == 11
    plain = [digits[1:], digits, f"+{digits}", f"8{digits[1:]}", f"{area} {first} {second} {third}"]
    spaced = [f"{area}{gap}{first}-{second}-{third}" for gap in (" ", "-")]
    bracketed = f"{area}) {first}-{second}-{third}"
    whole = [f"{prefix} {spaced[0]}" for prefix in ("+7", "8")] + [f"{prefix} ({bracketed}" for prefix in ("+7", "8")]
    return Secret(name, (*plain, *spaced, bracketed, *whole))


def forms(secret: Secret) -> list[Form]:
    """Every form of every spelling; one that contains another is left out, as the other is found wherever it is."""
    found: dict[bytes, str] = {}
    for spelling in secret.spellings:
        for form in _forms(spelling):
            if len(form.needle) >= ENOUGH_BYTES:
                found.setdefault(form.needle, form.name)
    return [
        Form(name, needle)
        for needle, name in found.items()
        if not any(other in needle for other in found if other is not needle)
    ]


def _forms(spelling: str) -> Iterator[Form]:
    yield from hashed(spelling)
    for form in written(spelling):
        yield form
        if b"\\" in form.needle:
            yield Form(f"{form.name} inside JSON", form.needle.replace(b"\\", b"\\\\"))


def written(spelling: str) -> Iterator[Form]:
    """The text itself under every encoding, and what programs make of such bytes on their way to a file."""
    for name, raw in _encodings(spelling):
        yield Form(name, raw)
        yield from _armoured(name, raw)
    yield Form("repr", repr(spelling.encode())[2:-1].encode())
    yield from (Form("percent", quoted.encode()) for quoted in _cases(quote(spelling, safe="")))
    yield Form("percent, spaces as plus", quote(spelling, safe=" ").replace(" ", "+").encode())


def hashed(spelling: str) -> Iterator[Form]:
    """An unkeyed hash of a phone number is the phone number: all of them can be tried in minutes."""
    for name in HASHES:
        digest = hashlib.new(name, spelling.encode()).digest()
        yield Form(name, digest)
        yield from _armoured(name, digest)


def _encodings(spelling: str) -> Iterator[tuple[str, bytes]]:
    yield "utf-8", spelling.encode()
    yield "utf-16-le", spelling.encode("utf-16-le")
    yield "utf-16-be", spelling.encode("utf-16-be")
    for escaped in {json.dumps(spelling)[1:-1], "".join(_escape(character) for character in spelling)}:
        lower = escaped.encode()
        yield "json", lower
        yield "json", _with_upper_digits(escaped).encode()


def _escape(character: str) -> str:
    """Every character as a JSON escape, plain ones too; two of them for a character outside the basic plane."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _with_upper_digits(escaped: str) -> str:
    pieces = escaped.split("\\u")
    return "\\u".join([pieces[0], *(piece[:4].upper() + piece[4:] for piece in pieces[1:])])


def _armoured(name: str, raw: bytes) -> Iterator[Form]:
    yield Form(f"hex of {name}", raw.hex().encode())
    yield Form(f"hex of {name}", raw.hex().upper().encode())
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield Form(f"base64 of {name}", _core(encode(bytes(offset) + raw), offset, len(raw)))


def _core(encoded: bytes, offset: int, length: int) -> bytes:
    """The characters that depend on nothing but the `length` bytes that begin at `offset`."""
    first = -(-offset * BYTE_BITS // BASE64_BITS)
    last = (offset + length) * BYTE_BITS // BASE64_BITS
    return encoded[first:last]


def _cases(quoted: str) -> Iterable[str]:
    """The hexadecimal digits after a percent sign in both cases."""
    pieces = quoted.split("%")
    lower = "%".join([pieces[0], *(piece[:2].lower() + piece[2:] for piece in pieces[1:])])
    return {quoted, lower}
