"""Small builders for schemas that are written by hand, so that they read like the JSON they describe."""

from typing import Any

from tools.vestnik.openapi.note import Json


def obj(description: str, required: str = "", /, **properties: Json) -> Json:
    """An object; `required` is names apart by blanks. Unknown fields are dropped by the door, as by Meta."""
    built: Json = {"type": "object", "description": description, "properties": properties}
    if required:
        built["required"] = required.split()
    return built


def text(description: str, **rules: Any) -> Json:
    """A string; rules in JSON Schema's words, `example` for one example."""
    return _with_rules("string", description, rules)


def number(description: str, **rules: Any) -> Json:
    return _with_rules("number", description, rules)


def integer(description: str, **rules: Any) -> Json:
    return _with_rules("integer", description, rules)


def boolean(description: str, **rules: Any) -> Json:
    return _with_rules("boolean", description, rules)


def items(description: str, item: Json, **rules: Any) -> Json:
    return {"type": "array", "description": description, "items": item, **rules}


def const(value: str, description: str) -> Json:
    return {"type": "string", "const": value, "description": description, "examples": [value]}


def choice(description: str, *values: str) -> Json:
    return {"type": "string", "enum": list(values), "description": description, "examples": [values[0]]}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _with_rules(kind: str, description: str, rules: Json) -> Json:
    built: Json = {"type": kind, "description": description}
    if "example" in rules:
        built["examples"] = [rules.pop("example")]
    return {**built, **rules}
