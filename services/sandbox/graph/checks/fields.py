"""Reads one field of a message's content, or raises the error Meta has for it."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from services.sandbox.refusals import GraphError

MISSING, INVALID, SHAPE = 131008, 131009, 100
URL_MAX = 2000  # characters

Part = Mapping[str, Any]


def missing(where: str) -> GraphError:
    return GraphError(MISSING, f"The parameter {where} is required.")


def invalid(where: str, rule: str) -> GraphError:
    return GraphError(INVALID, f"The parameter {where} {rule}.")


def part(value: Any, where: str) -> Part:
    """An object."""
    if value is None:
        raise missing(where)
    if not isinstance(value, dict):
        raise GraphError(SHAPE, f"Invalid parameter: {where} must be an object.")
    return value


def parts(value: Any, where: str, *, most: int, least: int = 1) -> Sequence[Part]:
    """A list of objects."""
    if value is None:
        raise missing(where)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise GraphError(SHAPE, f"Invalid parameter: {where} must be a list of objects.")
    if not least <= len(value) <= most:
        raise invalid(where, f"must have between {least} and {most} entries")
    return value


def text(owner: Part, name: str, where: str, *, most: int, code: int = INVALID) -> str:
    """A text that must be there and must say something."""
    found = optional_text(owner, name, where, most=most, code=code)
    if found is None:
        raise missing(f"{where}['{name}']")
    if not found.strip():
        raise invalid(f"{where}['{name}']", "must not be empty")
    return found


def optional_text(owner: Part, name: str, where: str, *, most: int, code: int = INVALID) -> str | None:
    found = owner.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise GraphError(SHAPE, f"Invalid parameter: {where}['{name}'] must be a string.")
    if len(found) > most:
        raise GraphError(code, f"Param {where}['{name}'] must be at most {most} characters long.")
    return found


def url(owner: Part, name: str, where: str) -> str:
    """An address that Meta would fetch or open; the sandbox never does."""
    found = text(owner, name, where, most=URL_MAX)
    try:
        split = urlsplit(found)
    except ValueError as error:
        raise invalid(f"{where}['{name}']", "must be a valid URL") from error
    if split.scheme not in ("http", "https") or not split.hostname or any(c.isspace() for c in found):
        raise invalid(f"{where}['{name}']", "must be a valid http or https URL")
    return found


def one_of(owner: Part, name: str, where: str, allowed: Sequence[str]) -> str:
    found = text(owner, name, where, most=100)
    if found not in allowed:
        raise invalid(f"{where}['{name}']", f"must be one of {', '.join(allowed)}")
    return found


def unique(values: Sequence[str], where: str) -> None:
    if len(set(values)) != len(values):
        raise invalid(where, "must be unique")
