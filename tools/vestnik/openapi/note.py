"""What a route's own code does not say about itself: a name for clients, words in two languages, examples, failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kernel.errors import ServiceError

Json = dict[str, Any]
Failure = type[ServiceError]


@dataclass(frozen=True)
class Example:
    """One example; `sent` is False where it only makes sense after something else has happened."""

    value: Any
    summary: str = ""
    sent: bool = True


Examples = Mapping[str, Example]


@dataclass(frozen=True)
class Note:
    """One operation.

    `summary` and `description` replace what the route says of itself; `failures` are what it may answer beside what
    every route may; `answers` are examples by status; `scopes` only where the route's dependencies do not say.
    """

    id: str
    tag: str
    ru: str
    summary: str = ""
    description: str = ""
    request: Examples = field(default_factory=dict)
    answers: Mapping[int, Examples] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    headers: Sequence[str] = ()
    scopes: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"


def one(value: Any, summary: str = "") -> dict[str, Example]:
    """A single example."""
    return {"example": Example(value, summary)}
