"""Every error the public door answers: both shapes, each code with its status, words and an example."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import services.gateway.api
from services.gateway.graph import errors as graph
from services.gateway.graph.errors import GraphError
from services.kernel.errors import (
    BadRequest,
    Forbidden,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Failure, Json

INVALID, INTERNAL = "invalid", "internal_error"
ALWAYS: tuple[Failure, ...] = (Unauthorized, Forbidden, TooManyRequests, Unavailable)
WITH_A_BODY: tuple[Failure, ...] = (BadRequest, TooLarge)
ALWAYS_GRAPH: tuple[Failure, ...] = (
    graph.InvalidParameter,
    graph.NoSuchObject,
    graph.InvalidKey,
    graph.NotAllowed,
    graph.RateLimited,
    graph.Down,
)
SHARED: dict[Failure, str] = {
    error: error.__name__ for error in (BadRequest, Unauthorized, Forbidden, TooLarge, TooManyRequests, Unavailable)
}
SHARED_GRAPH: dict[Failure, str] = {
    graph.InvalidKey: "GraphUnauthorized",
    graph.NotAllowed: "GraphForbidden",
    graph.BodyTooLarge: "GraphTooLarge",
    graph.RateLimited: "GraphTooManyRequests",
    graph.Down: "GraphUnavailable",
}
SHARED_CODES = frozenset({"conflict", "forbidden", "not_found", "unprocessable", "unavailable"})
RETRIED = frozenset({409, 429, 503})

Words = Mapping[int, str]

# What a person reads in an example, where the class alone does not say it.
DETAILS = {
    "bad_request": "the request cannot be understood: send what this document describes",
    "unauthorized": "give a valid API key: Authorization: Bearer vk_live_...",
    "forbidden": "this key lacks the scope callbacks: use a key that has it, or create one",
    "not_found": "there is no such thing: give an id of yours",
    "no_such_route": "Not Found: see the API document for what exists",
    "method_not_allowed": "Method Not Allowed: see the API document for what exists",
    "conflict": "this contradicts the present state: read it first",
    "too_large": "the body is larger than 262144 bytes; send less in one request",
    "invalid": "purpose: Input should be 'service', 'authentication' or 'marketing'",
    "unprocessable": "the values are not acceptable",
    "too_many_requests": "this key sends more than its limit: wait",
    "internal_error": "an unexpected error; it was logged and will be looked at",
    "unavailable": "a part of the system does not answer; try again shortly",
    "overloaded": "we are full; try again shortly",
}
GRAPH_DETAILS = {
    "InvalidParameter": "text.body must be at most 4096 characters long: split it.",
    "InvalidKey": "Give a valid API key: Authorization: Bearer vk_live_...",
    "Locked": "Your account is suspended: ask your provider.",
    "MissingParameter": 'text.body is required: {"type": "text", "text": {"body": "..."}}.',
    "InvalidValue": 'Groups are not supported: leave recipient_type out or set it to "individual".',
    "SameNumber": "to is the sending number itself: give another recipient.",
    "UnsupportedType": "This type of message is not supported.",
    "ParameterCount": "body: number of localizable_params (0) does not match the expected number of params (1): "
    "send exactly 1 body parameters.",
    "NoSuchTemplate": "template name (order_ready) does not exist in en, or is not approved: use an approved template.",
    "BodyTooLarge": "The body is larger than 65536 bytes: send less in one request.",
    "OtherBody": "This Idempotency-Key was used for another request: take a new one.",
    "InProgress": "The first request with this Idempotency-Key is still being worked on: ask again.",
    "RateLimited": "Too many requests of your account: slow down.",
    "Busy": "We are full: try again.",
    "Down": "We could not take the message in: try again.",
    "NotAllowed": "This key lacks the scope messages:send: use a key that has it, or create one.",
}


def always_graph(*, has_body: bool) -> tuple[Failure, ...]:
    """What every Graph-shaped route but the send door may answer."""
    return ALWAYS_GRAPH + ((graph.BodyTooLarge,) if has_body else ())


def by_code(failures: Iterable[Failure]) -> list[Failure]:
    """One class for each code that a tenant may read as problem details."""
    found = {failure.code: failure for failure in failures if failure.code != INTERNAL}
    return [found[code] for code in sorted(found)]


def every_graph_error() -> list[type[GraphError]]:
    """Every error that the Graph-shaped routes may answer, by code and name; all of them are loaded with the routes."""
    assert services.gateway.api.ROUTERS
    return sorted(set(_family(GraphError)), key=lambda error: (error.graph_code, error.__name__))


def graph_responses(failures: Iterable[Failure], method: str, said: Words) -> Json:
    """The error answers of one Graph-shaped operation, by status."""
    found = _by_status(failures)
    built = {str(status): _graph_response(found[status], method, said.get(status, "")) for status in sorted(found)}
    return built | _internal()


def responses(failures: Iterable[Failure], said: Words, *, validated: bool) -> Json:
    """The error answers of one operation, by status; `said` is what the route says of a status."""
    found = _by_status(failures)
    if validated:
        found.setdefault(422, [])
    return {
        str(status): _response(status, found[status], said.get(status, "")) for status in sorted(found)
    } | _internal()


def _by_status(failures: Iterable[Failure]) -> dict[int, list[Failure]]:
    found: dict[int, list[Failure]] = {}
    for failure in failures:
        found.setdefault(failure.status, []).append(failure)
    return found


def _family(kind: type[GraphError]) -> Iterable[type[GraphError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)


def first_line(error: type[Any]) -> str:
    own = error.__doc__ or ""
    return " ".join(own.strip().split("\n\n")[0].split()) or "As its title says."


def shared_responses() -> Json:
    """The answers that most operations may give, by the name under which they are referred to."""
    made: Json = {name: _own_response(error.status, [error], "") for error, name in SHARED.items()}
    made |= {name: _own_graph_response([error], "get", "") for error, name in SHARED_GRAPH.items()}
    return {**made, "InternalError": internal_response()}


def _response(status: int, failures: Sequence[Failure], words: str) -> Json:
    if len(failures) == 1 and failures[0] in SHARED:
        return {"$ref": f"#/components/responses/{SHARED[failures[0]]}"}
    return _own_response(status, failures, words)


def _graph_response(failures: Sequence[Failure], method: str, words: str) -> Json:
    if len(failures) == 1 and failures[0] in SHARED_GRAPH:
        return {"$ref": f"#/components/responses/{SHARED_GRAPH[failures[0]]}"}
    return _own_graph_response(failures, method, words)


def _own_response(status: int, failures: Sequence[Failure], words: str) -> Json:
    examples = {_key(error): {"summary": first_line(error), "value": problem_example(error)} for error in failures}
    if status == 422:
        examples[INVALID] = {"summary": "A field is wrong: each is named.", "value": _invalid_example()}
    content = {"application/problem+json": {"schema": _ref("Problem"), "examples": examples}}
    return {"description": words or HTTPStatus(status).phrase, **_headers(status), "content": content}


def _own_graph_response(failures: Sequence[Failure], method: str, words: str) -> Json:
    status = failures[0].status
    examples = {
        error.__name__: {"summary": first_line(error), "value": graph_example(error, method)} for error in failures
    }
    content = {"application/json": {"schema": _ref("GraphError"), "examples": examples}}
    return {"description": words or HTTPStatus(status).phrase, **_headers(status), "content": content}


def _internal() -> Json:
    return {"500": {"$ref": "#/components/responses/InternalError"}}


def internal_response() -> Json:
    """The answer to our own bugs, the same everywhere."""
    example = _problem(500, INTERNAL, DETAILS[INTERNAL])
    content = {"application/problem+json": {"schema": _ref("Problem"), "examples": {INTERNAL: {"value": example}}}}
    return {"description": "Our bug; it was logged.", "content": content}


def problem_example(error: Failure) -> Json:
    return _problem(error.status, error.code, _own_words(error) or DETAILS.get(error.code) or first_line(error))


def _own_words(error: Failure) -> str:
    """What the error says when nothing has to be told to it; empty for the others."""
    needed = [one for one in inspect.signature(error).parameters.values() if one.default is one.empty]
    return "" if needed else error().message


def _key(error: Failure) -> str:
    """The code where it belongs to one error, the name of the error where many share it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower() if error.code in SHARED_CODES else error.code


def graph_example(error: Failure, method: str) -> Json:
    shown = DETAILS_OF_SUBCODE if getattr(error, "subcode", None) else GRAPH_DETAILS.get(error.__name__)
    shown = shown or _own_words(error)
    code, title = getattr(error, "graph_code", 100), getattr(error, "title", "Invalid parameter")
    if error is graph.NoSuchObject:
        title = f"Unsupported {method.lower()} request"
    body: Json = {
        "message": f"(#{code}) {title}",
        "type": getattr(error, "type", "OAuthException"),
        "code": code,
        "fbtrace_id": samples.TRACE_ID,
        "error_data": {"messaging_product": "whatsapp", "details": shown or first_line(error)},
    }
    if getattr(error, "subcode", None) is not None:
        body["error_subcode"] = getattr(error, "subcode")  # noqa: B009 - only classes of Graph errors have it
    if getattr(error, "is_transient", False):
        body["is_transient"] = True
    return {"error": body}


DETAILS_OF_SUBCODE = (
    "Object with this ID does not exist, cannot be loaded due to missing permissions, or does not support this "
    "operation: post to the phone_number_id of one of your numbers."
)


def _invalid_example() -> Json:
    field, message = "purpose", "Input should be 'service', 'authentication' or 'marketing'"
    return _problem(422, INVALID, f"{field}: {message}") | {"errors": [{"field": field, "message": message}]}


def _problem(status: int, code: str, detail: str) -> Json:
    return {"type": f"urn:vestnik:problem:{code}", "title": code, "status": status, "detail": detail}


def _headers(status: int) -> Json:
    if status not in RETRIED:
        return {}
    names = ("Retry-After", "RateLimit", "RateLimit-Policy") if status == TooManyRequests.status else ("Retry-After",)
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
