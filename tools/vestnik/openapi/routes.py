"""Reads which routes the public door has, from the applications' own route tables: nothing is started for it."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from services.billing.api import create_billing_app
from services.consent.api import create_consent_app
from services.gateway.api import add_routes
from services.gateway.forwarding.service import ROUTES as FORWARDED
from services.gateway.tenants.authentication import Requires
from services.kernel.http import create_app
from services.kernel.process import Process
from services.kernel.settings import HttpSettings, ProcessSettings
from tools.vestnik.openapi.note import Json

NOTHING = cast(Any, None)  # a route table needs nothing of what its routes need
CONVERTED = ":graph_version"
# One template for paths of one shape, as OpenAPI wants it; which of Meta's objects it is the id itself says.
SAME_SHAPE = re.compile(r"^/\{version\}/\{[a-z_]+\}$")
ANY_OBJECT = "/{version}/{id}"
NOT_FOR_TENANTS = ("/internal/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")
CODE_ONLY = ("tags", "operationId", "security")


class Public(NamedTuple):
    """One operation of the door: `path` as the document writes it, `operation` what FastAPI says of it."""

    method: str
    path: str
    operation: Json
    scopes: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_graph(self) -> bool:
        return self.path.startswith("/{version}/")


class Door(NamedTuple):
    """Every public operation and every schema that they speak of."""

    operations: list[Public]
    schemas: Json


def door() -> Door:
    """The gateway's own routes, and those of others that it passes requests on to."""
    process = Process(ProcessSettings(process_name="openapi", http=HttpSettings(port=0)))
    gateway = create_app("gateway", process)
    add_routes(gateway)
    owners = {
        "consent": create_consent_app(process, database=NOTHING, directory=NOTHING, inbound_lag=NOTHING),
        "billing": create_billing_app(process, NOTHING, NOTHING),
    }
    documents = {name: _document(app) for name, app in {"gateway": gateway, **owners}.items()}
    owner_of: dict[tuple[str, str], str] = {(route.method, route.path): route.owner for route in FORWARDED}
    operations = [
        Public(
            method,
            ANY_OBJECT if SAME_SHAPE.match(path) else path,
            _operation(documents[owner_of.get((method, path), "gateway")], method, path),
            scopes,
        )
        for method, path, scopes in _public(gateway)
    ]
    return Door(sorted(operations, key=lambda one: (one.path, one.method)), _merged(documents))


def _public(app: FastAPI) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for route in iter_route_contexts(app.router.routes):
        path = (route.path or "").replace(CONVERTED, "")
        if not path.startswith(NOT_FOR_TENANTS):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, path, tuple(_scopes(route.original_route))


def _scopes(route: object) -> list[str]:
    """The scopes that the route's dependencies ask for."""
    if not isinstance(route, APIRoute):
        return []
    calls = [child.call for child in _dependencies(route.dependant)]
    return sorted({call.scope for call in calls if isinstance(call, Requires)})


def _dependencies(dependant: Any) -> Iterator[Any]:
    for child in dependant.dependencies:
        yield child
        yield from _dependencies(child)


def _document(app: FastAPI) -> Json:
    return get_openapi(title="", version="", routes=app.routes)


def _operation(document: Json, method: str, path: str) -> Json:
    found = document["paths"].get(path, {}).get(method.lower(), {})
    return {name: value for name, value in found.items() if name not in CODE_ONLY}


def _merged(documents: dict[str, Json]) -> Json:
    merged: Json = {}
    for service, document in documents.items():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if merged.setdefault(name, schema) != schema:
                raise ValueError(f"two services have a schema {name}, and they differ: rename that of {service}")
    return merged
