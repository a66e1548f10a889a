"""What a tenant says beside a message: its idempotency key, how long it may live, and the highest price."""

import re
from decimal import Decimal

from services.gateway.graph.decoding import wrong
from services.gateway.graph.errors import InvalidParameter
from services.kernel.money import micros_from

EXPIRES_IN_SECONDS_MIN = 60
EXPIRES_IN_SECONDS_MAX = 30 * 24 * 3_600  # as long as Meta itself keeps a message at most
PRICE_CHARACTERS_MAX = 19  # up to a milliard of the wallet's currency, with six decimals

_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,9}")


def read_key(key: str | None, at: str) -> str | None:
    """An idempotency key; raises GraphError."""
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidParameter(f"{at} must be one value of 1 to 255 printable ASCII characters.")
    return key


def read_expiry(seconds: int | str | None, at: str) -> int | None:
    """Seconds from the acceptance until the message is no longer wanted; raises GraphError."""
    if seconds is None:
        return None
    text = str(seconds)
    number = int(text) if _SECONDS.fullmatch(text) else -1
    if not EXPIRES_IN_SECONDS_MIN <= number <= EXPIRES_IN_SECONDS_MAX:
        wrong(f"{at} must be a whole number of seconds from {EXPIRES_IN_SECONDS_MIN} to {EXPIRES_IN_SECONDS_MAX}.")
    return number


def price_of(text: str | None, at: str) -> int | None:
    """Micro-units of the wallet's currency from a decimal string; raises GraphError."""
    if text is None:
        return None
    if not _PRICE.fullmatch(text):
        wrong(f'{at} must be an amount in your wallet\'s currency as a decimal string, like "6.00".')
    return micros_from(Decimal(text))
