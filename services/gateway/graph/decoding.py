"""From bytes to checked structs: what is wrong is told in Meta's envelope, with field and rule (hot path)."""

import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec

from services.gateway.graph.errors import BodyTooLarge, GraphError, InvalidParameter, InvalidValue, MissingParameter
from services.gateway.graph.limits import BODY_BYTES_MAX, BODY_NESTING_MAX, NESTING_MAX

T = TypeVar("T")

NOT_JSON = "The body is not valid JSON in UTF-8: send one JSON object."
ABSENT = msgspec.Raw(b"null")

_anything = msgspec.json.Decoder()

_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_BOUND = re.compile(r"Expected `(str|array|object|int|float)`(?: of length)? ([<>]=) ([0-9.-]+)")
_PATTERN = re.compile(r"Expected `str` matching regex (.+)", re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, at: str = "") -> T:
    """The decoded value; `at` is the path of the field that holds `raw`. Raises GraphError."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise explained(str(error), at) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        raise InvalidParameter(NOT_JSON) from None


def check_characters(raw: bytes) -> None:
    """Refuse NUL characters: databases and logs on the way to a person cut texts there."""
    if b"\\u0000" in raw and _NUL.search(raw):
        raise InvalidParameter("The body holds a NUL character (\\u0000): no field may; remove it.")


def check_keys(raw: bytes) -> None:
    """Refuse a key that is given twice: two readers may take two different ones."""
    try:
        _PAIRS.decode(raw.decode())
    except _GivenTwice as error:
        raise InvalidParameter(f"{error.args[0]}: the key stands twice in one object; send it once.") from None
    except (ValueError, RecursionError):
        raise InvalidParameter(NOT_JSON) from None


class _GivenTwice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _GivenTwice(key[:64].encode(errors="replace").decode())
        seen.add(key)


_PAIRS = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)


def explained(message: str, at: str) -> GraphError:
    """The refusal that a validation error of msgspec means."""
    found = _ERROR.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    field = (at + path).lstrip(".")
    if missing := _MISSING.fullmatch(what):
        return MissingParameter(f"{field + '.' if field else ''}{missing[1]} is required.")
    if bound := _BOUND.fullmatch(what):
        return _out_of_bounds(field, bound[1], bound[2], bound[3])
    if pattern := _PATTERN.fullmatch(what):
        return InvalidParameter(f"{field} must match {pattern[1]}.")
    place = f"{field}: " if field else "The body: "
    return InvalidParameter(f"{place}{what[:1].lower()}{what[1:]}. Send what Meta documents for messages.")


def _out_of_bounds(field: str, kind: str, sign: str, limit: str) -> GraphError:
    if kind in ("int", "float"):
        return InvalidValue(f"{field} must be at {'most' if sign == '<=' else 'least'} {limit.removesuffix('.0')}.")
    if sign == ">=" and limit == "1":
        return MissingParameter(f"{field} is required and must not be empty.")
    if kind == "str":
        return InvalidParameter(f"{field} must be at {'most' if sign == '<=' else 'least'} {limit} characters long.")
    return InvalidParameter(f"{field} must hold at {'most' if sign == '<=' else 'least'} {limit} items.")


def check_body_nesting(raw: bytes) -> None:
    """Refuse a body that is nested deeper than BODY_NESTING_MAX levels, wherever; most have too few brackets for it."""
    if raw.count(b"{") + raw.count(b"[") > BODY_NESTING_MAX:
        check_nesting(decode(_anything, raw), "The body", levels_max=BODY_NESTING_MAX)


def check_nesting(value: object, at: str, *, levels_max: int = NESTING_MAX) -> None:
    """Refuse what is nested deeper than `levels_max` levels."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > levels_max:
            raise InvalidParameter(f"{at} must not be nested deeper than {levels_max} levels.")
        level = [inner for one in level for inner in _inside(one)]


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    return [inner for inner in value if isinstance(inner, dict | list)] if isinstance(value, list) else []


def too_large() -> BodyTooLarge:
    """413: one message is longer than any can be."""
    return BodyTooLarge(f"The body is larger than {BODY_BYTES_MAX} bytes: send less in one request.")


def wrong(details: str) -> NoReturn:
    """131009: a value that cannot be."""
    raise InvalidValue(details)


def missing(details: str) -> NoReturn:
    """131008: something that must be there."""
    raise MissingParameter(details)
