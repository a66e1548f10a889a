"""What the services' source says about facts: who declares a consumer, who makes which fact."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from services.kernel.contracts import Event, Topic

SERVICES = Path("services")


class Declared(NamedTuple):
    """A consumer as it stands in a service's source."""

    service: str
    group: str
    topic: Topic
    events: tuple[type[Event], ...]


def consumers() -> list[Declared]:
    """Return every `Consumer(...)` that a service declares, wherever it does."""
    found = []
    for path in _sources():
        for call in _calls(path, "Consumer"):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            group, topic, events = (_value(path, given[name]) for name in ("group", "topic", "events"))
            found.append(Declared(path.parts[1], group, topic, events))
    return found


def directory_readers() -> set[str]:
    """Return the services that follow the topic `tenants` through the kernel's directory."""
    return {path.parts[1] for path in _sources() if any(_calls(path, "open_directory"))}


def makers(event: type[Event]) -> set[str]:
    """Return the services that construct this fact."""
    return {path.parts[1] for path in _sources() if any(_calls(path, event.__name__))}


def _sources() -> Iterator[Path]:
    for path in sorted(SERVICES.glob("*/**/*.py")):
        if path.parts[1] != "kernel" and "migrations" not in path.parts:
            yield path


def _calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _called(node) == name:
            yield node


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _value(path: Path, node: ast.expr) -> Any:
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    return eval(compile(ast.Expression(node), str(path), "eval"), vars(module))
