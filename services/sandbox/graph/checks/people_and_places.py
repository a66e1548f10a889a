"""Locations, contacts and reactions."""

import re
from collections.abc import Mapping
from typing import Any

from services.sandbox.graph.checks.fields import Part, invalid, missing, optional_text, part, parts, text
from services.sandbox.refusals import GraphError

CONTACTS_MAX = 257
PLACE_MAX, NAME_MAX, PHONE_MAX = 1000, 1000, 100  # characters; Meta publishes none, these keep records small
ENTRIES_MAX = 50  # phones, e-mails and so on of one contact
MESSAGE_ID_MAX = 128  # characters of a wamid
EMOJI_MAX = 32  # characters; families and flags are long sequences
OTHER_NAMES = ("first_name", "last_name", "middle_name", "suffix", "prefix")
_BIRTHDAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def check_location(given: object) -> None:
    location = part(given, "location")
    _coordinate(location, "latitude", 90.0)
    _coordinate(location, "longitude", 180.0)
    optional_text(location, "name", "location", most=PLACE_MAX)
    optional_text(location, "address", "location", most=PLACE_MAX)


def _coordinate(location: Part, name: str, most: float) -> None:
    """A number, or a string that holds one: Meta's own examples have both."""
    found: Any = location.get(name)
    if found is None:
        raise missing(f"location['{name}']")
    try:
        degrees = float(found) if isinstance(found, int | float | str) and not isinstance(found, bool) else None
    except (ValueError, OverflowError):
        degrees = None
    if degrees is None or not -most <= degrees <= most:
        raise invalid(f"location['{name}']", f"must be a number between -{most:g} and {most:g}")


def check_contacts(given: object) -> None:
    for contact in parts(given, "contacts", most=CONTACTS_MAX):
        _check_name(part(contact.get("name"), "contacts['name']"))
        for listed in ("phones", "emails", "addresses", "urls"):
            if contact.get(listed) is not None:
                parts(contact[listed], f"contacts['{listed}']", most=ENTRIES_MAX, least=0)
        for phone in contact.get("phones") or ():
            optional_text(phone, "phone", "contacts['phones']", most=PHONE_MAX)
        birthday = optional_text(contact, "birthday", "contacts", most=10)
        if birthday is not None and not _BIRTHDAY.fullmatch(birthday):
            raise invalid("contacts['birthday']", "must look like YYYY-MM-DD")


def _check_name(name: Mapping[str, Any]) -> None:
    text(name, "formatted_name", "contacts['name']", most=NAME_MAX)
    if not any(optional_text(name, other, "contacts['name']", most=NAME_MAX) for other in OTHER_NAMES):
        raise missing(f"contacts['name'] with at least one of {', '.join(OTHER_NAMES)}")


def check_reaction(given: object) -> None:
    reaction = part(given, "reaction")
    check_message_id(text(reaction, "message_id", "reaction", most=MESSAGE_ID_MAX), "reaction['message_id']")
    emoji = optional_text(reaction, "emoji", "reaction", most=EMOJI_MAX)
    if emoji is None:
        raise missing("reaction['emoji']")
    if emoji and emoji.isascii():
        raise invalid("reaction['emoji']", "must be one emoji, or empty to take a reaction back")


def check_message_id(found: str, where: str) -> None:
    """Only Meta's own ids name a message at Meta."""
    if not found.startswith("wamid.") or len(found) > MESSAGE_ID_MAX:
        raise GraphError(131009, f"The parameter {where} is not the id of a message (wamid).")
