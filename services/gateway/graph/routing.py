"""Routes of FastAPI in Meta's shape: whatever goes wrong in them is answered in Meta's envelope (cold routes)."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from services.gateway.graph.answers import refusal
from services.gateway.graph.errors import (
    BodyTooLarge,
    Down,
    GraphError,
    InvalidKey,
    InvalidParameter,
    NoSuchObject,
    NotAllowed,
    RateLimited,
)
from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, is_retryable
from services.kernel.logging import get_logger

_KINDS: dict[int, type[GraphError]] = {401: InvalidKey, 403: NotAllowed, 413: BodyTooLarge}

_log = get_logger()

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

Version = Annotated[
    str,
    Path(
        pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$",
        description="Any version of the Graph API: the shape of our answers does not depend on it.",
        examples=["v23.0"],
    ),
]


class GraphRoute(APIRoute):
    """`APIRouter(route_class=GraphRoute)`: errors of the endpoint and of its dependencies become Meta's envelope.

    A commit that fails in the dependency `Transaction` comes after the endpoint, and so after this route: open
    `database.transaction()` inside the endpoint instead.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except (ServiceError, RequestValidationError, HTTPException, *DEPENDENCY_ERRORS) as error:
                return refusal(graph_error_of(error, request.method))

        return answer


def graph_error_of(error: Exception, method: str) -> GraphError:
    """Meta's words for any expected error; what nobody foresaw is raised again."""
    match error:
        case GraphError():
            return error
        case RequestValidationError():
            return InvalidParameter("; ".join(_field_error(item) for item in error.errors()))
        case HTTPException():
            return InvalidParameter(f"{error.detail}. Send what the API document describes.")
        case ServiceError():
            return _of_service(error, method)
    if is_retryable(error):
        _log.warning("request met an outage", error_class=type(error).__name__)
        return Down("A part of the system does not answer: try again shortly.", retry_after_seconds=1)
    raise error


def _of_service(error: ServiceError, method: str) -> GraphError:
    if error.status == 404:
        return NoSuchObject(method)
    if error.status == 429:
        return RateLimited(_sentence(error), retry_after_seconds=error.retry_after_seconds or 1)
    if error.status >= 500:
        return Down(_sentence(error), retry_after_seconds=error.retry_after_seconds or 1)
    return _KINDS.get(error.status, InvalidParameter)(_sentence(error))


def _sentence(error: ServiceError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."


def _field_error(item: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"] if part not in ("body", "query", "path", "header"))
    return f"{place or 'body'}: {item['msg']}"


class GraphErrorData(BaseModel):
    messaging_product: str = Field(examples=["whatsapp"])
    details: str = Field(description="What is wrong and what to do: ours.", examples=["limit: must be at most 100."])


class GraphErrorBody(BaseModel):
    message: str = Field(description="`(#code) title`, as Meta writes it.", examples=["(#100) Invalid parameter"])
    type: str = Field(examples=["OAuthException"])
    code: int = Field(description="Meta's error code: build on this one.", examples=[100])
    error_subcode: int | None = Field(default=None, examples=[33])
    is_transient: bool | None = Field(default=None, description="True where the same request may succeed later.")
    fbtrace_id: str = Field(description="Name it to support.", examples=["Az8or2yhqkZfEZ-_4Qn_Bam"])
    error_data: GraphErrorData


class GraphFailure(BaseModel):
    """Meta's error envelope."""

    model_config = ConfigDict(title="GraphError")

    error: GraphErrorBody


def _response(description: str, *, retry: bool = False) -> dict[str, Any]:
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {"model": GraphFailure, "description": description, **({"headers": headers} if retry else {})}


#: `responses=` of a Graph-shaped router.
GRAPH_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _response(
        "Code 100: a parameter is wrong; error_data.details names it. With error_subcode 33: the id does not exist or "
        "is not yours, which is answered alike. Other codes are Meta's own refusal."
    ),
    401: _response("Code 190: the API key is missing, wrong, expired or revoked."),
    403: _response("Code 10: the key may not do this, or the account is suspended."),
    413: _response("Code 100: the body is too large."),
    429: _response("Code 130429 (or Meta's): too many requests; wait for Retry-After.", retry=True),
    503: _response("Code 2: Meta or a part of the system does not answer; try again.", retry=True),
}
