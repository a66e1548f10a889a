"""Values in a request, as people and programs write them; what is not acceptable is told what to do."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from services.kernel.phones import normalise_phone

PHONE_CHARACTERS_MAX = 40

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def unacceptable(what_to_do: str) -> PydanticCustomError:
    """What a validator raises: the caller reads `what_to_do`."""
    return PydanticCustomError("not_acceptable", "{what_to_do}", {"what_to_do": what_to_do})


def _rfc_3339(text: Any) -> Any:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise unacceptable("this is no RFC 3339 time with a zone: write 2026-11-22T10:00:00Z, and a + as %2B")
    return text.upper()


def _e164(text: str) -> str:
    try:
        return normalise_phone(text)
    except ValueError as error:
        raise unacceptable(str(error)) from None


#: A moment in a query: RFC 3339 with a zone and nothing looser.
Time = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]
#: A phone number in any usual spelling; the field's value is E.164 with '+'.
Phone = Annotated[str, StringConstraints(max_length=PHONE_CHARACTERS_MAX), AfterValidator(_e164)]
