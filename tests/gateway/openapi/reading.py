"""Reads the committed document: operations, schemas, examples."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from openapi_schema_validator import OAS31Validator, oas31_format_checker

from tools.vestnik.openapi.document import FOLDER

Json = dict[str, Any]


class Operation(NamedTuple):
    method: str
    path: str
    said: Json

    @property
    def name(self) -> str:
        return str(self.said["operationId"])


class Sample(NamedTuple):
    """An example with the schema it must fit; `where` names it in a test's id."""

    where: str
    schema: Json
    value: Any


@cache
def document() -> Json:
    read: Json = json.loads((FOLDER / "document.json").read_text(encoding="utf-8"))
    return read


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, said)
        for path, methods in document()["paths"].items()
        for method, said in methods.items()
    ]


def webhooks() -> list[Operation]:
    return [Operation("POST", name, hook["post"]) for name, hook in document()["webhooks"].items()]


def resolved(node: Json) -> Json:
    """The node that a reference means."""
    while "$ref" in node:
        found: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def errors_of(schema: Json, value: Any) -> list[str]:
    """What is wrong with a value, with formats checked."""
    whole = {**schema, "components": document()["components"]}
    validator = OAS31Validator(whole, format_checker=oas31_format_checker)
    return [f"{'.'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(value)]


def samples() -> list[Sample]:
    """Every example of a body in the document."""
    found: list[Sample] = []
    for operation in [*operations(), *webhooks()]:
        found += _of_content(operation.name, operation.said.get("requestBody", {}))
        for status, answer in operation.said["responses"].items():
            found += _of_content(f"{operation.name}-{status}", resolved(answer))
    return found


def _of_content(where: str, body: Json) -> Iterator[Sample]:
    for said in body.get("content", {}).values():
        for name, example in said.get("examples", {}).items():
            yield Sample(f"{where}-{name}", said["schema"], example["value"])


def nodes(node: Any, path: str = "#") -> Iterator[tuple[str, Json]]:
    """Every object in the document with its path; what stands in examples is not looked at."""
    if isinstance(node, dict):
        yield path, node
        for name, child in node.items():
            if name not in ("example", "examples", "value", "default", "const", "enum"):
                yield from nodes(child, f"{path}/{name}")
    elif isinstance(node, list):
        for place, child in enumerate(node):
            yield from nodes(child, f"{path}/{place}")


def properties() -> Iterator[tuple[str, Json]]:
    """Every field of every schema."""
    for path, node in nodes(document()):
        if isinstance(node.get("properties"), dict) and not path.endswith("/properties"):
            for name, schema in node["properties"].items():
                yield f"{path}/{name}", schema
