"""Writes the document of the public door: `python -m tools.vestnik openapi [--check]`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import services.gateway.openapi
from services.gateway.messages.reasons import REASONS
from tools.vestnik.openapi import callback_shapes, callbacks, components, failures, operations, refusals, tidying
from tools.vestnik.openapi.names import NAMES
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.notes import NOTES
from tools.vestnik.openapi.page import page
from tools.vestnik.openapi.routes import door
from tools.vestnik.openapi.sending import operation as sending

COMMAND = "python -m tools.vestnik openapi"
FOLDER = Path(services.gateway.openapi.__file__).parent
VERSION = "3.1.0"


def main(*, check: bool, folder: Path = FOLDER) -> int:
    """Write the document and its page; with `check` only compare, and return 1 when they differ."""
    made = document()
    wanted = {"document.json": text(made), "page.html": page(made)}
    if not check:
        for name, content in wanted.items():
            (folder / name).write_text(content, encoding="utf-8")
        return 0
    stale = [name for name, content in wanted.items() if not _is_current(folder / name, content)]
    for name in stale:
        sys.stderr.write(f"services/gateway/openapi/{name} is not what the routes say. Run: {COMMAND}\n")
    return 1 if stale else 0


def text(made: Json) -> str:
    """The document as text; the same for the same code."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def document() -> Json:
    """The whole document."""
    found = door()
    paths = operations.paths(found.operations)
    hooks = callbacks.webhooks()
    schemas, shared = _schemas(found.schemas), failures.shared_responses()
    return {
        "openapi": VERSION,
        "info": components.info(),
        "servers": [{"url": "/", "description": "Where this document comes from."}],
        "security": [{"apiKey": []}],
        "tags": components.tags(),
        "paths": paths,
        "webhooks": hooks,
        "components": {
            "securitySchemes": components.security_schemes(),
            "headers": components.headers(),
            "parameters": components.parameters(),
            "responses": shared,
            "schemas": tidying.used(schemas, paths, hooks, shared),
        },
    }


def _schemas(of_the_apps: Json) -> Json:
    known = (failure for note in NOTES.values() for failure in note.failures)
    return _joined(
        _with_reasons(tidying.tidy(of_the_apps, NAMES)),
        sending.schemas(),
        callback_shapes.schemas(),
        {"Problem": refusals.problem_schema(known), "GraphError": refusals.graph_schema()},
    )


def _with_reasons(schemas: Json) -> Json:
    """Every reason for a failure with its words, where messages show it."""
    listed = "\n".join(f"- `{reason}`: {words}" for reason, words in REASONS.items())
    reason = schemas["MessageFailure"]["properties"]["reason"]
    reason["description"] = f"Ours, of a closed set:\n{listed}"
    return schemas


def _joined(*parts: Json) -> Json:
    joined: Json = {}
    for part in parts:
        if same := joined.keys() & part.keys():
            raise ValueError(f"two schemas are called {_words(same)}: give one another name in names.py")
        joined |= part
    return joined


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _is_current(file: Path, content: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == content
