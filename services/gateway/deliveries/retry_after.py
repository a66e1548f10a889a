"""The header `Retry-After` of an answer: seconds or an HTTP date (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DIGITS_MAX = 7
CHARACTERS_MAX = 64


def parse(text: str, *, now: datetime) -> float:
    """Seconds from now; 0 for a header that is missing, malformed or past."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:DIGITS_MAX]) if len(text) <= DIGITS_MAX else 10.0**DIGITS_MAX
    if not text or len(text) > CHARACTERS_MAX:
        return 0.0
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
