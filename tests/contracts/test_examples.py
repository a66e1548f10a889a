"""Stored examples and schemas hold the shape of every fact still."""

import json
from pathlib import Path

import msgspec
import pytest

from services.kernel.contracts import EVENT_TYPES, Event, asyncapi
from services.kernel.kafka.record import Undecodable, UnknownKind, cloud_headers, decode, encode
from tests.contracts.write import EXAMPLES, SCHEMAS, as_text

events = pytest.mark.parametrize("event", EVENT_TYPES.values(), ids=EVENT_TYPES)
HINT = "a published fact never changes; until the first release: python -m tests.contracts.write"


@events
def test_the_stored_example_is_read_and_written_again_as_it_is(event: type[Event]) -> None:
    stored = _stored(EXAMPLES, event)
    decoded = decode(_headers(event.TYPE), json.dumps(stored).encode())
    assert isinstance(decoded, event)
    assert json.loads(encode(decoded).value) == stored, HINT


@events
def test_the_stored_schema_is_the_schema_of_the_class(event: type[Event]) -> None:
    assert _stored(SCHEMAS, event) == json.loads(as_text(asyncapi.schema(event))), HINT


@events
def test_a_record_is_keyed_and_named_by_its_fact(event: type[Event]) -> None:
    example = msgspec.convert(_stored(EXAMPLES, event), event)
    record = encode(example)
    headers = dict(record.headers)
    assert record.topic == event.TOPIC.name
    assert record.key == str(getattr(example, event.KEY)).encode()
    assert headers["ce_type"] == event.TYPE.encode()
    assert headers["ce_id"] == str(example.id).encode()
    assert headers["ce_source"] == f"/vestnik/{event.TOPIC.owner}".encode()


def test_no_example_or_schema_is_left_of_a_fact_that_is_gone() -> None:
    for folder in (EXAMPLES, SCHEMAS):
        assert {path.stem for path in folder.glob("*.json")} == set(EVENT_TYPES)


@events
def test_a_field_that_this_build_does_not_know_is_no_reason_to_refuse_a_fact(event: type[Event]) -> None:
    newer = {**_stored(EXAMPLES, event), "added_later": 1}
    assert isinstance(decode(_headers(event.TYPE), json.dumps(newer).encode()), event)


def test_an_unknown_kind_is_somebody_elses_business_and_an_unknown_version_is_ours() -> None:
    with pytest.raises(UnknownKind):
        decode(_headers("weather.changed.v1"), b"{}")
    with pytest.raises(Undecodable, match="deploy the newer build"):
        decode(_headers("message.accepted.v9"), b"{}")


def _stored(folder: Path, event: type[Event]) -> dict[str, object]:
    stored: dict[str, object] = json.loads((folder / f"{event.TYPE}.json").read_text(encoding="utf-8"))
    return stored


def _headers(type_: str) -> tuple[tuple[str, bytes], ...]:
    return cloud_headers(type_=type_, id_="x", owner="test")
