"""Contact cards of a send request."""

from typing import Annotated

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.decoding import missing

_Field = Annotated[str, msgspec.Meta(max_length=limits.CONTACT_FIELD_CHARACTERS_MAX)] | None


class Name(msgspec.Struct, omit_defaults=True):
    formatted_name: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.CONTACT_FIELD_CHARACTERS_MAX)]
    first_name: _Field = None
    last_name: _Field = None
    middle_name: _Field = None
    suffix: _Field = None
    prefix: _Field = None


class Phone(msgspec.Struct, omit_defaults=True):
    phone: _Field = None
    type: _Field = None
    wa_id: _Field = None


class Email(msgspec.Struct, omit_defaults=True):
    email: _Field = None
    type: _Field = None


class Address(msgspec.Struct, omit_defaults=True):
    street: _Field = None
    city: _Field = None
    state: _Field = None
    zip: _Field = None
    country: _Field = None
    country_code: _Field = None
    type: _Field = None


class Organisation(msgspec.Struct, omit_defaults=True):
    company: _Field = None
    department: _Field = None
    title: _Field = None


class Url(msgspec.Struct, omit_defaults=True):
    url: _Field = None
    type: _Field = None


_Entries = msgspec.Meta(max_length=limits.CONTACT_ENTRIES_MAX)


class Contact(msgspec.Struct, omit_defaults=True):
    name: Name
    phones: Annotated[list[Phone], _Entries] = []
    emails: Annotated[list[Email], _Entries] = []
    addresses: Annotated[list[Address], _Entries] = []
    org: Organisation | None = None
    urls: Annotated[list[Url], _Entries] = []
    birthday: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None


Contacts = Annotated[list[Contact], msgspec.Meta(min_length=1, max_length=limits.CONTACTS_MAX)]


def check_contacts(contacts: list[Contact]) -> None:
    """A name needs one more part beside formatted_name (whatsapp-cloud-api 2.2)."""
    for index, contact in enumerate(contacts):
        name = contact.name
        if not (name.first_name or name.last_name or name.middle_name or name.suffix or name.prefix):
            missing(
                f"contacts[{index}].name needs one of first_name, last_name, middle_name, suffix, prefix "
                "beside formatted_name."
            )
