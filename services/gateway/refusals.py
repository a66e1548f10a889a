"""Why a route may refuse, in the API document's words; its shapes and what every route answers are added there."""

from typing import Any

Refusals = dict[int | str, dict[str, Any]]

INVALID: Refusals = {
    422: {"description": "A field is not acceptable: the text names it, and says what to give instead."}
}


def refusal(status: int, description: str) -> Refusals:
    """What a route may answer beside others: its `responses=` are joined with `|`."""
    return {status: {"description": description}}
