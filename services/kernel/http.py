"""HTTP in every process: errors as problem details, one transaction per request, health, metrics, size limits."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel import metrics
from services.kernel.answers import error_response, problem
from services.kernel.errors import DEPENDENCY_ERRORS, Forbidden, ServiceError, Unauthorized
from services.kernel.hot import HotApp, count_request, too_large
from services.kernel.process import Process
from services.kernel.proxies import TrustedProxies
from services.kernel.tokens import Principal

BODY_BYTES_MAX = 256 * 1024
BODY_BYTES_MAX_OF_SCOPE = "vestnik.body_bytes_max"  # set by a middleware before the limit, for a path that takes more
ROUTING_CODES = {404: "no_such_route", 405: "method_not_allowed"}


async def _transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.transaction() as connection:
        yield connection


# scope="function": FastAPI's default commits only after the response has gone out.
Transaction = Annotated[AsyncConnection, Depends(_transaction, scope="function")]


def principal_of(request: Request) -> Principal:
    """Who calls an internal route; raises Unauthorized."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("send an internal token: Authorization: Bearer <token>")
    principal: Principal = request.app.state.verifier.verify(token)
    return principal


class _Role:
    def __init__(self, role: str) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Principal:
        principal = principal_of(request)
        if principal.role != self._role:
            raise Forbidden(f"this route is for the role {self._role}")
        return principal


CallerService = Annotated[Principal, Depends(_Role("service"))]
CallerStaff = Annotated[Principal, Depends(_Role("staff"))]


async def _tenant_of(caller: Annotated[Principal, Depends(_Role("tenant"))]) -> UUID:
    assert caller.tenant_id is not None, "the verifier refuses tenant tokens without a tenant"
    return caller.tenant_id


CallerTenant = Annotated[UUID, Depends(_tenant_of)]  # the tenant that the token speaks for


def create_app(title: str, process: Process[Any], *, body_bytes_max: int = BODY_BYTES_MAX) -> HotApp:
    """An application with the routes and answers that every process of the house has."""
    app = HotApp(title, TrustedProxies(process.settings.http.trusted_proxies))
    app.state.process = process
    app.state.verifier = getattr(process, "verifier", None)
    _add_errors(app)
    _add_health(app, process)
    app.add_middleware(RequestMetrics)
    app.add_middleware(BodyLimit, bytes_max=body_bytes_max)
    return app


def _add_errors(app: FastAPI) -> None:
    async def answer(request: Request, error: Exception) -> Response:
        return error_response(error)

    async def answer_routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = ROUTING_CODES.get(error.status_code, "bad_request")
        response = problem(error.status_code, code, f"{error.detail}: see the API document for what exists")
        response.headers.update(error.headers or {})  # Allow, for one
        return response

    async def answer_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = [{"field": _field(item["loc"]), "message": item["msg"]} for item in error.errors()]
        return problem(422, "invalid", "; ".join(f"{f['field']}: {f['message']}" for f in fields), errors=fields)

    # asyncpg's own errors too: SQLAlchemy does not wrap what goes wrong while connecting.
    for kind in (ServiceError, *DEPENDENCY_ERRORS, Exception):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(HTTPException, answer_routing)
    app.add_exception_handler(RequestValidationError, answer_validation)


def _field(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"


def _add_health(app: FastAPI, process: Process[Any]) -> None:
    async def healthz(request: Request) -> Response:
        return PlainTextResponse("alive")

    async def readyz(request: Request) -> Response:
        reasons = await process.not_ready()
        return JSONResponse({"ready": not reasons, "not_ready": reasons}, 503 if reasons else 200)

    async def render_metrics(request: Request) -> Response:
        # 5,000 series take 50 ms: never on the loop.
        return Response(await asyncio.to_thread(metrics.render), media_type="text/plain; version=0.0.4")

    app.add_route("/healthz", healthz)
    app.add_route("/readyz", readyz)
    app.add_route("/metrics", render_metrics)


class BodyLimit:
    """Refuses bodies over the limit before they are read into memory (pure ASGI)."""

    def __init__(self, app: ASGIApp, *, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        bytes_max: int = scope.get(BODY_BYTES_MAX_OF_SCOPE, self._bytes_max)
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not length.isdigit() or int(length) > bytes_max:
            return await self._refuse(scope, receive, send, bytes_max)
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > bytes_max:
                raise too_large(bytes_max)
            return message

        async def watched(message: Message) -> None:
            # A body without a length was found too large while it was read: FastAPI would call that a bad request.
            if read <= bytes_max:
                await send(message)
            elif message["type"] == "http.response.start":
                await self._refuse(scope, receive, send, bytes_max)

        return await self._app(scope, limited, watched)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, bytes_max: int) -> None:
        response = error_response(too_large(bytes_max))
        response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, send)


class RequestMetrics:
    """Counts and times requests by route template (pure ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._paths: dict[object, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = self._route_of(scope)
            count_request(route, scope["method"], status, time.perf_counter() - began)

    def _route_of(self, scope: Scope) -> str:
        if "route" in scope:
            return str(getattr(scope["route"], "path", "unrouted"))
        endpoint = scope.get("endpoint")  # a plain Starlette route: FastAPI does not say which
        if endpoint not in self._paths:
            routes = scope["app"].routes if endpoint is not None else ()
            same = (route.path for route in routes if getattr(route, "endpoint", None) is endpoint)
            self._paths[endpoint] = next(same, "unrouted")
        return self._paths[endpoint]
