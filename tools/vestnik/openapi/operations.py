"""Turns routes and their notes into the paths of the document."""

import inspect
from collections.abc import Sequence

from tools.vestnik.openapi import failures, tidying
from tools.vestnik.openapi.components import TAG_NAMES
from tools.vestnik.openapi.glossary import GLOSSARY
from tools.vestnik.openapi.names import NAMES
from tools.vestnik.openapi.note import Example, Examples, Failure, Json, Note
from tools.vestnik.openapi.notes import NOTES
from tools.vestnik.openapi.notes.russian import RUSSIAN
from tools.vestnik.openapi.routes import ANY_OBJECT, Public
from tools.vestnik.openapi.sending import operation as sending

LIMITS = {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}
INVALID = 422
SAID_BESIDE = ("title", "description", "examples")  # of a parameter's schema: the parameter itself says it
AUTOMATIC = {INVALID, 413}  # FastAPI's own, and the limit of bodies
ORDER = {name: place for place, name in enumerate(NOTES)}


def paths(operations: Sequence[Public]) -> Json:
    """Every path with its operations, in the order of the tags and of the notes."""
    if missing := [one.name for one in operations if one.name not in NOTES]:
        raise ValueError(f"no note on {', '.join(missing)}: write one in tools/vestnik/openapi/notes")
    built: Json = {}
    for one in sorted(operations, key=_place):
        built.setdefault(one.path, {})[one.method.lower()] = _operation(one, NOTES[one.name])
    return built


def _place(one: Public) -> tuple[int, int]:
    return TAG_NAMES.index(NOTES[one.name].tag), ORDER[one.name]


def _operation(one: Public, note: Note) -> Json:
    said = sending.operations().get(one.path) or tidying.tidy_schema(one.operation, NAMES)
    scopes = list(note.scopes or one.scopes)
    built: Json = {
        "operationId": note.id,
        "tags": [note.tag],
        "summary": note.summary or said["summary"],
        "x-ru": note.ru,
        "description": inspect.cleandoc(note.description or said.get("description", "")),
        "x-ru-description": RUSSIAN[note.id],
        "x-scopes": scopes,
        "security": [{"apiKey": []}],
        "parameters": _parameters(one, note, said.get("parameters", [])),
    }
    if "requestBody" in said:
        built["requestBody"] = _with_examples(said["requestBody"], note.request)
    return {**built, "responses": _responses(one, note, said)}


def _parameters(one: Public, note: Note, said: list[Json]) -> list[Json]:
    renamed = [_under_its_name(one.path, parameter) for parameter in said]
    known = {parameter["name"]: parameter for parameter in renamed if parameter["in"] in ("path", "query")}
    for name in _names_in_path(one.path):
        known.setdefault(name, {"name": name, "in": "path", "required": True, "schema": _path_schema(name)})
    headers = [{"$ref": f"#/components/parameters/{name}"} for name in note.headers]
    return [_parameter(parameter, note) for parameter in known.values()] + headers


def _under_its_name(path: str, parameter: Json) -> Json:
    if path == ANY_OBJECT and parameter["in"] == "path" and parameter["name"] != "version":
        return {**parameter, "name": "id"}
    return parameter


def _names_in_path(path: str) -> list[str]:
    return [part.split("}")[0] for part in path.split("{")[1:]]


def _path_schema(name: str) -> Json:
    pattern = {"version": r"^v[0-9]{1,3}\.[0-9]{1,2}$", "phone_number_id": "^[0-9]{1,32}$"}.get(name)
    return {"type": "string", **({"pattern": pattern} if pattern else {})}


def _parameter(said: Json, note: Note) -> Json:
    name = said["name"]
    entry = GLOSSARY.get(name)
    schema = said["schema"]
    description = said.get("description") or schema.get("description") or (entry.words if entry else "")
    plain = {rule: value for rule, value in schema.items() if rule not in SAID_BESIDE}
    built = {**said, "description": description, "schema": tidying.tidy_schema(plain, NAMES)}
    built.pop("examples", None)
    own = next(iter(said.get("examples") or schema.get("examples") or []), None)
    shown = note.parameters.get(name, entry.example if entry and said["in"] == "path" else own)
    if shown is None and entry is not None and "default" not in schema:
        shown = entry.example
    return built if shown is None else {**built, "example": shown}


def _responses(one: Public, note: Note, said: Json) -> Json:
    good = {status: answer for status, answer in said["responses"].items() if status.startswith("2")}
    built = {status: _good(answer, note.answers.get(int(status), {})) for status, answer in good.items()}
    has_body = "requestBody" in said
    expected = list(note.failures) if one.path == sending.PATH else [*_always(one, has_body=has_body), *note.failures]
    validated = has_body or bool(said.get("parameters"))
    words = {int(status): answer["description"] for status, answer in said["responses"].items()}
    if missing := {status for status in words if status >= 400} - {error.status for error in expected} - AUTOMATIC:
        raise ValueError(f"the note on {one.name} names no failure with the status {sorted(missing)}")
    if one.is_graph:
        return {**built, **failures.graph_responses(expected, one.method, words)}
    words = {status: said for status, said in words.items() if status != INVALID or said != "Validation Error"}
    return {**built, **failures.responses(expected, words, validated=validated)}


def _always(one: Public, *, has_body: bool) -> tuple[Failure, ...]:
    if one.is_graph:
        return failures.always_graph(has_body=has_body)
    return failures.ALWAYS + (failures.WITH_A_BODY if has_body else ())


def _good(answer: Json, examples: Examples) -> Json:
    words = answer["description"] if answer["description"] != "Successful Response" else "Done."
    built = {**answer, "description": words, "headers": {**answer.get("headers", {}), **LIMITS}}
    return _with_examples(built, examples)


def _with_examples(body: Json, examples: Examples) -> Json:
    if not examples or "content" not in body:
        return body
    shown = {name: _shown(example) for name, example in examples.items()}
    content = {kind: {**said, "examples": shown} for kind, said in body["content"].items()}
    return {**body, "content": content}


def _shown(example: Example) -> Json:
    built: Json = {"summary": example.summary} if example.summary else {}
    built["value"] = example.value
    return built if example.sent else {**built, "x-needs-another-message": True}
