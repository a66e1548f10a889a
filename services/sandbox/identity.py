"""The ids Meta gives to people and messages, as they look in the field."""

import base64
import secrets
import zlib
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

_NOT_DIGITS = str.maketrans("", "", "+-() ")
PHONE_DIGITS_MAX = 18  # E.164 has 15; what is longer is still told from what is shorter
# Numbers of n digits begin at the n-th offset, so that leading zeros survive.
_OFFSETS = tuple((10**length - 1) // 9 for length in range(33))
_ROUNDS = tuple(bytes([number]) * 4 for number in range(1, 5))
_BACK = _ROUNDS[::-1]
_INBOUND, _OUTBOUND = b"\x15\x02\x00\x12\x18\x14", b"\x15\x02\x00\x11\x18\x12"


def digits(phone: str) -> str:
    """The key of a person: the phone number without `+`, spaces, hyphens and brackets."""
    return phone.translate(_NOT_DIGITS)


def outbound_wamid(phone: str) -> str:
    """A new message id. Like a real one it is base64 of a binary that holds the other side's phone number."""
    return _wamid(phone, _OUTBOUND, secrets.token_hex(9))


def inbound_wamid(phone: str) -> str:
    return _wamid(phone, _INBOUND, secrets.token_hex(10))


@lru_cache(65_536)  # each of a message's three statuses asks
def user_id(phone: str, waba_id: str, seed: int) -> str:
    """The business-scoped user id (BSUID): one per account and person, with the country in front.

    It is the phone number, scrambled under the account, so that `phone_of` finds the way back without a memory.
    """
    phone = phone[:PHONE_DIGITS_MAX]
    scrambled = _scramble(int(phone or 0) + _OFFSETS[len(phone)], _start(waba_id, seed), _ROUNDS)
    return f"{_country(phone[:3])}.{scrambled}"


def phone_of(bsuid: str, waba_id: str, seed: int) -> str | None:
    """Whose BSUID of this account it is; None if the account was never given it."""
    country, _, name = bsuid.partition(".")
    if not name.isdecimal() or int(name) >= 1 << 64:
        return None
    number = _scramble(int(name), _start(waba_id, seed), _BACK)
    length = next((size for size in range(PHONE_DIGITS_MAX, 0, -1) if number >= _OFFSETS[size]), 0)
    phone = str(number - _OFFSETS[length]).zfill(length)
    return phone if 0 < len(phone) == length and _country(phone[:3]) == country else None


@lru_cache(4096)
def _start(waba_id: str, seed: int) -> int:
    return zlib.crc32(f"{seed}/{waba_id}".encode())


def _scramble(number: int, start: int, rounds: tuple[bytes, ...]) -> int:
    """A Feistel network over 64 bits: a permutation, and with its rounds reversed its own inverse."""
    left, right = number >> 32, number & 0xFFFFFFFF
    for one in rounds:
        left, right = right, left ^ zlib.crc32(right.to_bytes(4, "big") + one, start)
    return right << 32 | left


def _wamid(phone: str, middle: bytes, unique: str) -> str:
    name = phone.encode()
    raw = b"\x1c\x18" + bytes([len(name)]) + name + middle + unique.upper().encode() + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


@lru_cache(4096)
def _country(phone: str) -> str:
    for length in (1, 2, 3):
        if regions := COUNTRY_CODE_TO_REGION_CODE.get(int(phone[:length] or 0)):
            return str(regions[0])
    return "US"
