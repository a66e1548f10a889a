"""The generated documents say what the contracts say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.kernel.contracts import EVENT_TYPES, TOPICS, asyncapi, docs


def test_the_committed_documents_are_what_the_contracts_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def test_writing_twice_changes_nothing_and_a_changed_document_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    page = tmp_path / "EVENTS.md"
    page.write_text(page.read_text(encoding="utf-8").replace("UUID", "number"), encoding="utf-8")
    assert docs.main(["--check"], tmp_path) == 1
    message = capsys.readouterr().err
    assert "docs/EVENTS.md is not what the contracts say" in message
    assert "asyncapi.json" not in message


def test_missing_documents_fail_the_check(tmp_path: Path) -> None:
    assert docs.main(["--check"], tmp_path) == 1


def test_the_page_names_every_topic_and_every_fact_with_all_its_own_fields() -> None:
    sections = docs.events_page().split("\n### ")
    for topic in TOPICS.values():
        assert f"\n## {topic.name}\n" in docs.events_page()
    for type_, event in EVENT_TYPES.items():
        section = next(section for section in sections if section.startswith(f"{type_}\n"))
        own = set(event.__struct_fields__) - {"id", "occurred_at", "tenant_id"}
        assert all(f"| `{name}` |" in section for name in own)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi.document()
    references = list(_references(document))
    assert references
    for reference in references:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_asyncapi_document_tells_who_sends_and_who_receives() -> None:
    document = asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(TOPICS)
    for topic in TOPICS.values():
        assert document["operations"][f"{topic.owner}.publishes.{topic.name}"]["action"] == "send"
        for service in topic.consumers:
            assert document["operations"][f"{service}.reads.{topic.name}"]["action"] == "receive"


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
