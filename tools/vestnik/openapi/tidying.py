"""Makes schemas of Pydantic and msgspec read like the rest: no made-up titles, every field with words."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from tools.vestnik.openapi.glossary import GLOSSARY
from tools.vestnik.openapi.note import Json

SCHEMAS = "#/components/schemas/"
BRANCHES = ("items", "additionalProperties", "not", "if", "then", "else")
LISTS = ("oneOf", "anyOf", "allOf", "prefixItems")


def tidy(schemas: Mapping[str, Json], names: Mapping[str, str]) -> Json:
    """Schemas under their public names, by name."""
    return {names.get(name, name): tidy_schema(schema, names) for name, schema in schemas.items()}


def tidy_schema(schema: Json, names: Mapping[str, str]) -> Json:
    """One schema; `names` maps the name in the code to the public one."""
    tidied: Json = _renamed(_described(schema), names)
    return tidied


def used(schemas: Mapping[str, Json], *roots: Any) -> Json:
    """Only what the roots speak of, directly or not, by name; an unknown name stays unknown for the lint to find."""
    found: set[str] = set()
    waiting = [name for root in roots for name in names_in(root)]
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found.add(name)
            waiting.extend(names_in(schemas[name]))
    return {name: schemas[name] for name in sorted(found)}


def names_in(node: Any) -> Iterator[str]:
    """Names of the schemas that a part of the document refers to."""
    if isinstance(node, dict):
        for value in node.values():
            if isinstance(value, str) and value.startswith(SCHEMAS):
                yield value.removeprefix(SCHEMAS)
            else:
                yield from names_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from names_in(value)


def _described(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    clean = {name: value for name, value in schema.items() if name != "title"}
    if isinstance(clean.get("description"), str):
        clean["description"] = inspect.cleandoc(clean["description"])
    if "properties" in clean:
        clean["properties"] = {name: _property(name, value) for name, value in clean["properties"].items()}
    for branch in BRANCHES:
        if branch in clean:
            clean[branch] = _described(clean[branch])
    for branch in LISTS:
        if branch in clean:
            clean[branch] = [_described(child) for child in clean[branch]]
    return clean


def _property(name: str, schema: Json) -> Json:
    clean: Json = _described(schema)
    if (clean.get("default") == "" and clean.get("minLength")) or (clean.get("default") == 0 and clean.get("minimum")):
        del clean["default"]  # it stands for "left out" in our code; nobody may send it
    words = clean.get("description") or _words_of_a_branch(clean) or (GLOSSARY[name].words if name in GLOSSARY else "")
    if words:
        clean["description"] = words
    return clean


def _words_of_a_branch(schema: Json) -> str:
    """What Pydantic says of one kind of value where there are several: "this, or null"."""
    return next((branch["description"] for branch in schema.get("anyOf", []) if "description" in branch), "")


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(child, names) for child in node]
    if not isinstance(node, dict):
        if isinstance(node, str) and node.startswith(SCHEMAS):
            name = node.removeprefix(SCHEMAS)
            return SCHEMAS + names.get(name, name)
        return node
    return {name: _renamed(child, names) for name, child in node.items()}
