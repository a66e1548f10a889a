"""Who a message goes to: a phone number, or a business-scoped user id (BSUID)."""

import re
from functools import lru_cache
from typing import NamedTuple

from services.gateway.graph.decoding import missing, wrong
from services.gateway.graph.errors import InvalidParameter
from services.kernel.phones import country_of, normalise_phone

CACHED_MAX = 65_536  # about 20 MB, in memory only

# whatsapp-cloud-api 3.4: CC. or, for the parent's, CC.ENT. and up to 128 letters and digits.
_BSUID = re.compile(r"([A-Z]{2})\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


class Recipient(NamedTuple):
    """`given` is what the tenant wrote; of `phone` (E.164 with '+') and `bsuid` one is None."""

    given: str
    phone: str | None
    bsuid: str | None
    country: str

    def __repr__(self) -> str:
        return f"Recipient(country={self.country!r})"

    @property
    def address(self) -> dict[str, str | None]:
        """The field of Meta's request that names the person."""
        return {"recipient": self.bsuid} if self.phone is None else {"to": self.phone}


def read_recipient(recipient_type: str | None, to: str | None, recipient: str | None) -> Recipient:
    """Where both are given `to` wins, as at Meta; raises GraphError."""
    if recipient_type not in (None, "individual"):
        wrong('recipient_type: groups are not supported; leave it out or set it to "individual".')
    if to is not None:
        return _by_phone(to)
    if recipient is None:
        missing("to is required: the recipient's number with its country code (or recipient: a user id).")
    return _by_user_id(recipient)


@lru_cache(maxsize=CACHED_MAX)
def _by_phone(to: str) -> Recipient:
    try:
        return Recipient(to, normalise_phone(to), None, country_of(to))
    except ValueError as error:
        raise InvalidParameter(f"to: {error}") from None


def _by_user_id(recipient: str) -> Recipient:
    found = _BSUID.fullmatch(recipient)
    if found is None:
        wrong("recipient must be a business-scoped user id: two letters, a dot, up to 128 letters and digits.")
    return Recipient(recipient, None, recipient, found[1])
