"""What the routes of callbacks answer: endpoints and attempts as they are shown."""

from typing import Any

from services.gateway.attempts.service import Attempt
from services.gateway.callbacks.management import NewEndpoint
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.schemas import AttemptOut, CallbackOut, Disabled, EndpointOut, NewEndpointOut


def callback(row: EndpointRow) -> CallbackOut:
    return CallbackOut.model_validate(
        {
            "url": row.url,
            "state": _state(row),
            "max_updates": row.max_updates,
            "secret_hint": row.secret_hint,
        }
    )


def endpoint(row: EndpointRow) -> EndpointOut:
    return EndpointOut.model_validate(_fields(row))


def new_endpoint(new: NewEndpoint) -> NewEndpointOut:
    return NewEndpointOut.model_validate(_fields(new.row) | {"secret": new.secret})


def attempt(one: Attempt) -> AttemptOut:
    return AttemptOut.model_validate(
        one._asdict()
        | {
            "outcome": "delivered" if one.is_delivered else "failed",
            "status": one.status or None,
            "error": one.error or None,
        }
    )


def _fields(row: EndpointRow) -> dict[str, Any]:
    disabled = None if row.disabled_at is None else {"reason": row.disabled_reason, "at": row.disabled_at}
    disabled_out = None if disabled is None else Disabled.model_validate(disabled)
    return row._asdict() | {"state": _state(row), "disabled": disabled_out}


def _state(row: EndpointRow) -> str:
    return "unset" if row.url is None else "active" if row.disabled_at is None else "disabled"
