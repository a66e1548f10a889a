"""How an API key looks: `vk_live_<random>_<checksum>`, easy to find in a leak."""

import re
import secrets
import string
import zlib

from services.gateway.tenants.scopes import Mode

KEY_START = "vk_live_"
KEY_RANDOM_CHARACTERS = 32  # 190 bits
KEY_CHECK_CHARACTERS = 6
PREFIX_CHARACTERS = len(KEY_START) + 4  # what may be shown to tell keys apart

_BASE62 = string.digits + string.ascii_letters
_KEY_SHAPE = re.compile(
    rf"vk_(?:live|test)_([0-9A-Za-z]{{{KEY_RANDOM_CHARACTERS}}})_([0-9A-Za-z]{{{KEY_CHECK_CHARACTERS}}})"
)


def new_api_key(mode: Mode = "live") -> str:
    """A key nobody can guess; a typing error in it needs no look-up."""
    body = "".join(secrets.choice(_BASE62) for _ in range(KEY_RANDOM_CHARACTERS))
    return f"vk_{mode}_{body}_{_checksum(body)}"


def is_api_key(text: str) -> bool:
    """Whether the text has the shape and the checksum of a key; anybody can make such a text."""
    parts = _KEY_SHAPE.fullmatch(text)
    return parts is not None and parts[2] == _checksum(parts[1])


def prefix_of(api_key: str) -> str:
    """What may be shown of a key."""
    return api_key[:PREFIX_CHARACTERS]


def _checksum(body: str) -> str:
    """CRC-32 in base 62, as in GitHub's tokens (billing-consent-keys 6.2)."""
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(KEY_CHECK_CHARACTERS):
        value, digit = divmod(value, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
