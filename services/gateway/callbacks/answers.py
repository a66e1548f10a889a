"""What the routes of callbacks answer: endpoints as they are shown, and the refusals of the API document."""

from typing import Any

from pydantic import BaseModel, Field

from services.gateway.attempts.service import Attempt
from services.gateway.callbacks.management import NewEndpoint
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.schemas import AttemptOut, CallbackOut, Disabled, EndpointOut, NewEndpointOut


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(examples=["urn:vestnik:problem:bad_callback_url"])
    title: str = Field(description="The code: stable, for machines.", examples=["bad_callback_url"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What is wrong and what to do.", examples=["use an https:// URL"])


def refusal(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }


Refusals = dict[int | str, dict[str, Any]]

ALWAYS: Refusals = {
    401: refusal("The API key is missing, wrong, expired or revoked."),
    403: refusal("The key lacks the scope `callbacks`, or may not be used from this address."),
    429: refusal("Too many requests: wait for Retry-After."),
    503: refusal("A part of the system does not answer: try again."),
}
MISSING: Refusals = {404: refusal("You have no callback endpoint with this id.")}
INVALID: Refusals = {422: refusal("A field is not acceptable: the text names it, and says what to give instead.")}


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
