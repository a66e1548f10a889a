"""Every route of every service, from the applications' own route tables: nothing is started for it."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.billing.api import create_billing_app
from services.consent.api import create_consent_app
from services.gateway.api import add_routes
from services.kernel.http import create_app
from services.kernel.process import Process
from services.kernel.settings import HttpSettings, ProcessSettings
from services.webhook.api import create_webhook_app
from services.webhook.signatures.service import Signers

NOTHING = cast(Any, None)  # a route table needs nothing of what its routes need


class Route(NamedTuple):
    service: str
    method: str
    path: str


def every_route() -> set[Route]:
    """Routes of the APIs; `worker` stands for the workers, which have the kernel's alone."""
    process = Process(ProcessSettings(process_name="routes", http=HttpSettings(port=0)))
    apps = {
        "gateway": _gateway(process),
        "webhook": create_webhook_app(process, NOTHING, signers=Signers(live=[]), verify_token=b""),
        "consent": create_consent_app(process, database=NOTHING, directory=NOTHING, inbound_lag=NOTHING),
        "billing": create_billing_app(process, NOTHING, NOTHING),
        "worker": create_app("worker", process),
    }
    return {route for service, app in apps.items() for route in _routes_of(service, app)}


def _gateway(process: Process[ProcessSettings]) -> FastAPI:
    app = create_app("gateway", process)
    add_routes(app)
    return app


def _routes_of(service: str, app: FastAPI) -> Iterator[Route]:
    for route in iter_route_contexts(app.router.routes):
        for method in (route.methods or {"*"}) - {"HEAD"}:  # HEAD is GET without its body
            yield Route(service, method, route.path or repr(route))
