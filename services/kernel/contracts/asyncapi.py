"""The AsyncAPI 3.0 document of every topic and every fact, as plain data."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from services.kernel.contracts import EVENT_TYPES, TOPICS, Event, Topic

Json = dict[str, Any]

_HEADERS: Json = {
    "type": "object",
    "required": ["ce_specversion", "ce_type", "ce_id", "ce_source"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_type": {"type": "string", "description": "the type of the fact, with its version"},
        "ce_id": {"type": "string", "format": "uuid", "description": "the same as `id` in the payload"},
        "ce_source": {"type": "string", "description": "/vestnik/ and the owner of the topic"},
        "ce_subject": {"type": "string", "description": "what readers choose by, in facts that name such a field"},
        "traceparent": {"type": "string", "description": "W3C trace context, where there is one"},
    },
}


def document() -> Json:
    """Return the whole document; its order depends on names alone."""
    events = [EVENT_TYPES[type_] for type_ in sorted(EVENT_TYPES)]
    topics = [TOPICS[name] for name in sorted(TOPICS)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vestnik",
            "version": "1",
            "description": "The facts that Vestnik's services tell each other. Values are JSON, headers CloudEvents.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": dict(operation for topic in topics for operation in _operations(topic)),
        "components": {
            "messages": {event.TYPE: _message(event) for event in events},
            "schemas": {"CloudEventHeaders": _HEADERS, **_schemas(events)},
        },
    }


def events_of(topic: Topic) -> list[type[Event]]:
    """Return the facts of one topic, by type."""
    return [EVENT_TYPES[type_] for type_ in sorted(EVENT_TYPES) if EVENT_TYPES[type_].TOPIC is topic]


def schema(event: type[Event]) -> Json:
    """Return the JSON schema of one fact, the same under every version of Python."""
    found: Json = _with_clean_descriptions(msgspec.json.schema(event))
    return found


def _schemas(events: Iterable[type[Event]]) -> Json:
    _, found = msgspec.json.schema_components(events, ref_template="#/components/schemas/{name}")
    return {name: _with_clean_descriptions(found[name]) for name in sorted(found)}


def _with_clean_descriptions(node: Any) -> Any:
    # A description is a docstring: older Pythons leave its indentation in, newer ones do not.
    if isinstance(node, list):
        return [_with_clean_descriptions(child) for child in node]
    if not isinstance(node, dict):
        return node
    clean = {name: _with_clean_descriptions(child) for name, child in node.items()}
    if isinstance(clean.get("description"), str):
        clean["description"] = inspect.cleandoc(clean["description"])
    return clean


def _channel(topic: Topic) -> Json:
    configuration: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if not topic.compacted:
        configuration["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    return {
        "address": topic.name,
        "description": topic.purpose,
        "messages": {event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in events_of(topic)},
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": configuration}},
        "x-owner": topic.owner,
        "x-dead-letters": topic.dead,
    }


def _operations(topic: Topic) -> list[tuple[str, Json]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    publishing = (f"{topic.owner}.publishes.{topic.name}", {"action": "send", "channel": channel})
    reading = [
        (f"{service}.reads.{topic.name}", {"action": "receive", "channel": channel})
        for service in sorted(topic.consumers)
    ]
    return [publishing, *reading]


def _message(event: type[Event]) -> Json:
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"the field `{event.KEY}`"}}},
    }
