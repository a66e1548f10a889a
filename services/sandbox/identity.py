"""The ids Meta gives to people and messages, as they look in the field."""

import base64
import hashlib
import secrets

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

_NOT_DIGITS = str.maketrans("", "", "+-() ")
_INBOUND, _OUTBOUND = b"\x15\x02\x00\x12\x18\x14", b"\x15\x02\x00\x11\x18\x12"


def digits(phone: str) -> str:
    """The key of a person: the phone number without `+`, spaces, hyphens and brackets."""
    return phone.translate(_NOT_DIGITS)


def outbound_wamid(phone: str) -> str:
    """A new message id. Like a real one it is base64 of a binary that holds the other side's phone number."""
    return _wamid(phone, _OUTBOUND, secrets.token_hex(9))


def inbound_wamid(phone: str) -> str:
    return _wamid(phone, _INBOUND, secrets.token_hex(10))


def user_id(phone: str, waba_id: str, seed: int) -> str:
    """The business-scoped user id (BSUID): one per account and person, with the country in front."""
    name = hashlib.blake2b(f"{seed}/{waba_id}/{phone}".encode(), digest_size=8).digest()
    return f"{_country(phone)}.{int.from_bytes(name, 'big')}"


def _wamid(phone: str, middle: bytes, unique: str) -> str:
    name = phone.encode()
    raw = b"\x1c\x18" + bytes([len(name)]) + name + middle + unique.upper().encode() + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


def _country(phone: str) -> str:
    for length in (1, 2, 3):
        if regions := COUNTRY_CODE_TO_REGION_CODE.get(int(phone[:length] or 0)):
            return str(regions[0])
    return "US"
