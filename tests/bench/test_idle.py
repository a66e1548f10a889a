"""An idle stack is judged by what it costs and by how soon a single message reaches Meta."""

import io
from typing import Any

import pytest
from rich.console import Console

from tests.bench import idle


def _result(cores: float, p50: float | None, other_cores: float = 0.1) -> dict[str, Any]:
    return {
        "seconds": 60.0,
        "cores": {"total": cores, "by_process": {"kafka": cores}},
        "intention_to_graph_ms": {"p50": p50, "p99": p50},
        "answers": 50,
        "other_cores": other_cores,
    }


@pytest.mark.parametrize(
    ("cores", "p50", "words"),
    [
        (0.15, 50.0, []),
        (0.16, 40.0, ["more than 0.15 of a core"]),
        (0.12, 51.0, ["longer than 50 ms"]),
        (0.12, None, ["longer than 50 ms"]),
        (0.16, 51.0, ["more than 0.15 of a core", "longer than 50 ms"]),
    ],
)
def test_what_is_missed_of_the_goals_is_named(cores: float, p50: float | None, words: list[str]) -> None:
    found = idle.missed(_result(cores, p50))
    assert len(found) == len(words)
    assert all(word in goal for word, goal in zip(words, found, strict=True))


def test_a_busy_machine_is_named_only_when_a_goal_is_missed() -> None:
    assert "other programs used 1.2 cores" in idle.missed(_result(0.12, 85.0, 1.2))[-1]
    assert idle.missed(_result(0.12, 35.0, 1.2)) == []


def test_the_table_shows_every_process_and_their_sum() -> None:
    page = io.StringIO()
    idle.show(Console(file=page, width=100), _result(0.1234, 34.5))
    text = page.getvalue()
    assert text.count("0.1234") == 2
    assert "p50 34.5" in text
    assert "✗" not in text
