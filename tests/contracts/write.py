"""Writes the stored examples and schemas of all facts: `python -m tests.contracts.write`.

Until the first release a class and its files change together; from then on a published class is frozen and a change is
a new version. An example that still fits its class is kept, so that people may make it tell more.
"""

import datetime
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from services.kernel.contracts import EVENT_TYPES, Event, asyncapi, event_id

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"
SCHEMAS = FOLDER / "schemas"
SUBJECT = UUID("0197c6a5-7e3d-7c11-9d52-3f6b1c2a4e80")
TIME = datetime.datetime(2026, 8, 24, 9, 30, tzinfo=datetime.UTC)
INDEX = "5f0c9a7e2b4d618391ac7e50d2f4b6889a1c3e5f70829bd4c6e8f0a1b2c3d4e5"
WORDS = {
    "person": INDEX,
    "wamid_index": INDEX,
    "routing_key": str(SUBJECT),
    "country": "RU",
    "currency": "RUB",
    "phone_number_id": "106540352242922",
    "waba_id": "102290129340398",
    "zone": "Europe/Moscow",
    "name": "Acme",
    "pricing_model": "PMP",
}


def main() -> None:
    """Write what is missing or no longer fits, and remove what no longer exists."""
    for folder in (EXAMPLES, SCHEMAS):
        folder.mkdir(exist_ok=True)
        for stranger in {path.stem for path in folder.glob("*.json")} - set(EVENT_TYPES):
            (folder / f"{stranger}.json").unlink()
    for type_, event in EVENT_TYPES.items():
        (SCHEMAS / f"{type_}.json").write_text(as_text(asyncapi.schema(event)), encoding="utf-8")
        path = EXAMPLES / f"{type_}.json"
        if not path.exists() or not fits(event, json.loads(path.read_text(encoding="utf-8"))):
            path.write_text(as_text(msgspec.to_builtins(example(event))), encoding="utf-8")


def as_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def fits(event: type[Event], value: Any) -> bool:
    """Say whether a JSON value is read as this fact and written again as the same value."""
    try:
        return bool(msgspec.to_builtins(msgspec.convert(value, event)) == value)
    except msgspec.ValidationError:
        return False


def example(event: type[Event]) -> Event:
    """Return a plausible fact of this class, the same every time."""
    fields = {field.name: sample(field.type, field.name) for field in _fields(event)}
    return msgspec.convert({**fields, "id": event_id(SUBJECT, event.TYPE)}, event)


def sample(wanted: inspect.Type, name: str) -> Any:
    match wanted:
        case inspect.UnionType():
            return sample(next(one for one in wanted.types if not isinstance(one, inspect.NoneType)), name)
        case inspect.StructType():
            return {field.name: sample(field.type, field.name) for field in wanted.fields}
        case inspect.VarTupleType() | inspect.ListType():
            return [sample(wanted.item_type, name)]
        case inspect.DictType():
            return {"consent": sample(wanted.value_type, name)}
        case inspect.LiteralType():
            return wanted.values[0]
    return _leaf(wanted, name)


def _leaf(wanted: inspect.Type, name: str) -> Any:
    leaves: dict[type[inspect.Type], Any] = {
        inspect.UUIDType: event_id(SUBJECT, name),
        inspect.DateTimeType: TIME,
        inspect.DateType: TIME.date(),
        inspect.BytesType: b"sealed",
        inspect.BoolType: False,
        inspect.IntType: 1,
        inspect.StrType: WORDS.get(name, name.replace("_", " ")),
    }
    return leaves[type(wanted)]


def _fields(event: type[Event]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(event)
    assert isinstance(described, inspect.StructType)
    return described.fields


if __name__ == "__main__":
    main()
