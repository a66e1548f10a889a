"""The two shapes in which the public door refuses, with every code in words."""

from collections.abc import Iterable

from services.gateway.graph.errors import GraphError
from services.kernel.errors import Conflict, NotFound, Overloaded, Unprocessable
from services.kernel.http import ROUTING_CODES
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.failures import (
    ALWAYS,
    INTERNAL,
    INVALID,
    WITH_A_BODY,
    by_code,
    every_graph_error,
    first_line,
)
from tools.vestnik.openapi.note import Failure, Json


def problem_schema(failures: Iterable[Failure]) -> Json:
    """The schema of problem details, with every code."""
    known = by_code([*failures, Conflict, NotFound, Unprocessable, Overloaded, *ALWAYS, *WITH_A_BODY])
    codes = sorted({error.code for error in known} | set(ROUTING_CODES.values()) | {INVALID, INTERNAL})
    table = "\n".join(f"- `{error.code}` ({error.status}): {first_line(error)}" for error in known)
    return {
        "type": "object",
        "description": f"An RFC 9457 answer: what went wrong and what to do. `title` is stable for machines:\n{table}\n"
        "- `invalid` (422): a field of the request is wrong; `errors` names each.\n"
        "- `internal_error` (500): our bug; it was logged.\n"
        "- `no_such_route` (404), `method_not_allowed` (405): not in this document.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {
                "type": "string",
                "description": "`urn:vestnik:problem:` and the code.",
                "pattern": "^urn:vestnik:problem:[a-z_]+$",
                "examples": ["urn:vestnik:problem:invalid"],
            },
            "title": {"type": "string", "description": "The code; build on it.", "enum": codes},
            "status": {"type": "integer", "description": "The HTTP status.", "examples": [422]},
            "detail": {"type": "string", "description": "What is wrong and what to do, for a person."},
            "errors": {
                "type": "array",
                "description": "With `invalid`: every field that is wrong.",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {
                        "field": {
                            "type": "string",
                            "description": "Path of the field, with dots.",
                            "examples": ["evidence.source"],
                        },
                        "message": {"type": "string", "description": "The rule that it breaks."},
                    },
                },
            },
        },
    }


def graph_schema() -> Json:
    """The schema of Meta's error envelope, with every code of ours."""
    table = "\n".join(_row(error) for error in every_graph_error())
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Meta's error envelope. Build on `code` and `error_data.details`, not on the title. What we "
        f"answer ourselves:\n{table}\n\nRoutes that ask Meta pass Meta's own codes on.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "description": "The error, in the fields that Meta uses.",
                "required": ["message", "type", "code", "fbtrace_id"],
                "properties": {
                    "message": {**text, "description": "`(#code) title`.", "examples": ["(#100) Invalid parameter"]},
                    "type": {**text, "description": "Meta's class of error.", "examples": ["OAuthException"]},
                    "code": {"type": "integer", "description": "Meta's code; build on it.", "examples": [100]},
                    "error_subcode": {
                        "type": ["integer", "null"],
                        "description": "33: no such object.",
                        "examples": [33],
                    },
                    "is_transient": {
                        "type": ["boolean", "null"],
                        "description": "True where the same request may succeed later.",
                        "examples": [True],
                    },
                    "fbtrace_id": {**text, "description": "Name it to support.", "examples": [samples.TRACE_ID]},
                    "error_data": {
                        "type": "object",
                        "description": "Details of ours.",
                        "properties": {
                            "messaging_product": {
                                **text,
                                "description": "Always `whatsapp`.",
                                "examples": ["whatsapp"],
                            },
                            "details": {**text, "description": "The field, the rule and what to do."},
                        },
                    },
                },
            }
        },
    }


def _row(error: type[GraphError]) -> str:
    words = f": {first_line(error)}" if error.__doc__ else ""
    return f"- `{error.graph_code}` {error.title} ({error.status}){words}"
