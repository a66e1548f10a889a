"""Times in a query, as people and programs write them: RFC 3339 with a zone and nothing looser."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def unacceptable(what_to_do: str) -> PydanticCustomError:
    """What a validator raises: the caller reads `what_to_do`."""
    return PydanticCustomError("not_acceptable", "{what_to_do}", {"what_to_do": what_to_do})


def _rfc_3339(text: Any) -> Any:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise unacceptable("this is no RFC 3339 time with a zone: write 2026-11-22T10:00:00Z, and a + as %2B")
    return text.upper()


Time = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]
