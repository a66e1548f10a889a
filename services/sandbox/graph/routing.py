"""What the Graph-shaped routes beside messages share: the version in the path, the token, answers and refusals."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kernel.errors import ServiceError
from services.sandbox.refusals import GraphError
from services.sandbox.world import World

SUCCESS = {"success": True}

Handler = Callable[[World, Request], Awaitable[Any]]


class GraphVersion(Convertor[str]):
    """Any version of the Graph API."""

    regex = r"v[0-9]{1,3}\.[0-9]{1,2}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class NodeId(GraphVersion):
    """An id of Meta's."""

    regex = r"[0-9]{1,20}"


register_url_convertor("graph_version", GraphVersion())
register_url_convertor("graph_node", NodeId())


def route(path: str, handler: Handler, *methods: str) -> Route:
    """`/vNN.N` and the path; the handler gives back JSON or a whole response, or raises GraphError."""

    async def endpoint(request: Request) -> Response:
        try:
            _check_token(request)
            answer = await handler(request.app.state.world, request)
        except GraphError as error:
            return Response(error.body(), error.status, media_type="application/json")
        except ServiceError as error:
            return Response(GraphError(100, error.message).body(), 400, media_type="application/json")
        if isinstance(answer, Response):
            return answer
        return Response(json.dumps(answer, ensure_ascii=False), media_type="application/json; charset=UTF-8")

    return Route("/{version:graph_version}" + path, endpoint, methods=list(methods))


def _check_token(request: Request) -> None:
    if not token(request):
        raise GraphError(190, "An access token is required: Authorization: Bearer <token>.")


def token(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


async def fields_of(request: Request) -> dict[str, Any]:
    """The body as JSON or as a form, whichever was sent; the query counts too, as everywhere at Meta."""
    found: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        async with request.form(max_files=0, max_fields=50) as form:
            return found | {name: value for name, value in form.items() if isinstance(value, str)}
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError) as error:
        raise GraphError(100, "Invalid parameter: the body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise GraphError(100, "Invalid parameter: the body must be a JSON object.")
    return found | body


def invalid(error: ValidationError) -> GraphError:
    """The first field that is wrong, and its rule."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return GraphError(
        100, f"Invalid parameter: {where}: {first['msg']}" if where else f"Invalid parameter: {first['msg']}"
    )
