"""The values that tenants may give about a person and a consent, each with what is wrong about a bad one."""

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from services.kernel import clock, fields
from services.kernel.fields import unacceptable

TEXT_CHARACTERS_MAX = 4_000  # a long notice of a form; the whole document belongs behind a link
URL_CHARACTERS_MAX = 2_000
USER_AGENT_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 200
CLOCK_SKEW = timedelta(seconds=60)  # a tenant's clock may run ahead of ours; such a time is taken as now
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
OUR_SOURCES = frozenset(
    {"keyword_stop", "keyword_start", "platform_error", "platform_preference", "number_changed", "api"}
)

#: How a person agreed where we know what the word means. Under any other word, or when somebody vouches for records
#: from elsewhere, the evidence is `attested` (billing-consent-keys 2.3, rule 6).
Method = Literal[
    "own_form", "web_form", "checkbox", "link_email", "link_sms", "chat", "app", "call", "paper", "in_person"
]
METHODS = frozenset(get_args(Method))
IMPORT = "import"
Level = Literal["recorded", "attested"]

# Kept in clear and shown in the history, so it must not be able to hold somebody's number.
DIGITS_IN_A_ROW = re.compile(r"[0-9]{9}")
# The rest of an address tells people apart (2.3: truncated).
IPV4_PREFIX_BITS, IPV6_PREFIX_BITS = 24, 48


def _source(text: str) -> str:
    if text in OUR_SOURCES:
        raise unacceptable(
            f"{text} is what we record ourselves: name where the person agreed, like web_form or checkbox"
        )
    return text


def _text_version(text: str) -> str:
    if DIGITS_IN_A_ROW.search(text):
        raise unacceptable("a version has fewer than 9 digits in a row, so that no number of a person stands in it")
    return text


def _network(text: str) -> str:
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise unacceptable("this is no IP address: send the person's, like 203.0.113.7, or leave it out") from None
    bits = IPV4_PREFIX_BITS if address.version == 4 else IPV6_PREFIX_BITS
    return str(ip_network(f"{address}/{bits}", strict=False))


def _words(text: str) -> str:
    if not text.strip():
        raise unacceptable("give the words that the person agreed to")
    return text


def _given_at(at: datetime) -> datetime:
    now = clock.now()
    if at > now + CLOCK_SKEW:
        raise unacceptable("this lies in the future: send the time at which the person agreed, or leave it out")
    if at < EARLIEST:
        raise unacceptable("this is before the year 2000: send the time at which the person agreed, or leave it out")
    return min(at, now).astimezone(UTC)


Phone = Annotated[
    fields.Phone,
    Field(description="The person's number with its country code.", examples=["+79161234567"]),
]
Bsuid = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$"),
    Field(description="Meta's id of the person for your business, instead of the number.", examples=["US.1349120865"]),
]
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$"),
    AfterValidator(_source),
    Field(
        description=f"Where the person agreed: {', '.join(sorted(METHODS))}, or {IMPORT} for records from elsewhere. "
        "Another word of letters and _ is kept too, and its evidence counts as attested.",
        examples=["web_form"],
    ),
]
Words = Annotated[
    str,
    StringConstraints(max_length=TEXT_CHARACTERS_MAX),
    AfterValidator(_words),
    Field(description="The words that the person agreed to.", examples=["Согласен получать сообщения о заказах."]),
]
GivenAt = Annotated[
    AwareDatetime,
    AfterValidator(_given_at),
    Field(
        description="When the person agreed: from the year 2000 until now; now, if it is left out.",
        examples=["2026-11-22T09:30:00Z"],
    ),
]


TextVersion = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    AfterValidator(_text_version),
    Field(description="Which version of your text it was.", examples=["2026-09"]),
]
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$"),
    Field(description="The language of the words.", examples=["ru"]),
]
PageUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s]+$", max_length=URL_CHARACTERS_MAX),
    Field(description="The page on which the person agreed; sealed.", examples=["https://shop.example/order"]),
]
Network = Annotated[
    str,
    StringConstraints(max_length=45),
    AfterValidator(_network),
    Field(description="The person's IP address; cut to its network and sealed.", examples=["203.0.113.7"]),
]
UserAgent = Annotated[
    str,
    StringConstraints(min_length=1, max_length=USER_AGENT_CHARACTERS_MAX),
    Field(description="The person's browser as it names itself; sealed.", examples=["Mozilla/5.0"]),
]
Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_CHARACTERS_MAX),
    Field(description="Where your own record lies: a form, a call, a file's hash; sealed.", examples=["form-17"]),
]
AttestedBy = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_CHARACTERS_MAX),
    Field(description="Who of you vouches for a record from elsewhere; sealed.", examples=["A. Petrova"]),
]
