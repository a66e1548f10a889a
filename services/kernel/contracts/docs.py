"""Writes docs/EVENTS.md and docs/asyncapi.json: `python -m services.kernel.contracts.docs [--check]`."""

import inspect
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from services.kernel.contracts import TOPICS, Event, Topic, asyncapi

DOCS = Path(__file__).resolve().parents[3] / "docs"
COMMAND = "python -m services.kernel.contracts.docs"
NAMES = {UUID: "UUID", datetime: "time (RFC 3339, UTC)", bytes: "bytes (base64)", str: "text", int: "integer"}
NAMES |= {bool: "true or false", float: "number"}
PREFACE = f"""# Events

Generated from `services/kernel/contracts/` by `{COMMAND}`; never edited by hand.

Every fact is declared once. Only the owner of a topic publishes on it, only the named services read it; records of one
key keep their order. A value is JSON, the headers are CloudEvents (`ce_type`, `ce_id`, `ce_source`; `ce_subject` where
readers choose by a field). Where facts have a `lane`, the first third of the topic's partitions (at least one) carries
the `express` ones and the rest everything else; order holds within a lane. Every fact has

- `id`: the same for the same fact, however often it is said (UUIDv5 of what it is about and the stage);
- `occurred_at`: when it happened, in UTC (Meta's own time where Meta reported it);
- `tenant_id`: whose it is.

A person is a keyed index (64 hex characters); no phone number, name, text or wamid stands in any fact in clear.
Money is in micro-units of `currency`: 1,000,000 are one rouble. What a consumer could not handle is in `<topic>.dead`.
"""


def main(arguments: Sequence[str], folder: Path = DOCS) -> int:
    """Write both documents; with --check only compare, and return 1 when they differ."""
    wanted = {folder / "EVENTS.md": events_page(), folder / "asyncapi.json": asyncapi_text()}
    if "--check" not in arguments:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"docs/{path.name} is not what the contracts say. Run: {COMMAND}\n")
    return 1 if stale else 0


def asyncapi_text() -> str:
    """Return the AsyncAPI document as text."""
    return json.dumps(asyncapi.document(), indent=2, ensure_ascii=False) + "\n"


def events_page() -> str:
    """Return docs/EVENTS.md."""
    topics = [TOPICS[name] for name in sorted(TOPICS)]
    rows = [f"| [`{t.name}`](#{t.name}) | {t.owner} | {', '.join(sorted(t.consumers))} | {t.purpose} |" for t in topics]
    overview = "\n".join(["| topic | owner | read by | purpose |", "|---|---|---|---|", *rows])
    return "\n".join([PREFACE, overview, "", *map(_topic_section, topics)])


def _topic_section(topic: Topic) -> str:
    events = asyncapi.events_of(topic)
    keys = ", ".join(sorted({f"`{event.KEY}`" for event in events}))
    lines = [
        f"## {topic.name}",
        "",
        topic.purpose,
        "",
        f"Owner: {topic.owner}. Read by: {', '.join(sorted(topic.consumers))}. Key: {keys}. {_kept(topic)}",
        "",
    ]
    return "\n".join([*lines, *map(_event_section, events), *map(_shape_section, _shapes(events))])


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "Compacted: the latest fact of each key is kept."
    return f"Kept for {topic.retention // timedelta(days=1)} days."


def _event_section(event: type[Event]) -> str:
    own = [name for name in event.__struct_fields__ if name not in Event.__struct_fields__]
    return "\n".join([f"### {event.TYPE}", "", inspect.getdoc(event) or "", "", _table(event, own), ""])


def _shape_section(shape: type[msgspec.Struct]) -> str:
    title = f"### shape {shape.__name__}"
    return "\n".join([title, "", inspect.getdoc(shape) or "", "", _table(shape, shape.__struct_fields__), ""])


def _table(struct: type[msgspec.Struct], names: Sequence[str]) -> str:
    hints = get_type_hints(struct)
    optional = {field.name for field in msgspec.structs.fields(struct) if not field.required}
    rows = [f"| `{name}` | {_words(hints[name])}{', optional' * (name in optional)} |" for name in names]
    return "\n".join(["| field | type |", "|---|---|", *rows])


def _shapes(events: Sequence[type[Event]]) -> list[type[msgspec.Struct]]:
    hints = [get_type_hints(event)[name] for event in events for name in event.__struct_fields__]
    found = {struct for hint in hints for struct in _structs(hint)}
    return sorted(found, key=lambda struct: struct.__name__)


def _structs(hint: Any) -> list[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [hint]
    return [struct for argument in get_args(hint) for struct in _structs(argument)]


def _words(hint: Any) -> str:
    """Say a type in words that a reader of JSON understands."""
    arguments = get_args(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        known = [_words(argument) for argument in arguments if argument is not NoneType]
        return " or ".join([*known, "null"] if NoneType in arguments else known)
    if origin is tuple:
        return f"list of: {_words(arguments[0])}"
    if origin is dict:
        return f"map of names to: {_words(arguments[1])}"
    return NAMES.get(hint) or f"shape {hint.__name__}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
