"""Reads of numbers, accounts, templates and media: `GET /{version}/{id}?fields=` and the lists beside it."""

from typing import Any

from starlette.requests import Request

from services.sandbox.graph import uploads
from services.sandbox.graph.routing import route
from services.sandbox.numbers.service import Number
from services.sandbox.refusals import GraphError, no_such_object
from services.sandbox.world import World

FIELDS_MAX = 50
HIGH_MPS = 1000
NUMBER_FIELDS = ("id", "display_phone_number", "verified_name", "code_verification_status", "quality_rating")
ACCOUNT_FIELDS = ("id", "name", "timezone_id", "message_template_namespace")


async def node(world: World, request: Request) -> Any:
    """Whatever the id is: a medium, a template, a number, or an account that has numbers or templates."""
    found = request.path_params["node"]
    if world.library.find(found) is not None:
        return uploads.look(world, request)
    if (named := world.templates.by_id(found)) is not None:
        return chosen(request, template_view(*named), ())
    if (number := world.numbers.known(found)) is not None:
        return chosen(request, number_view(found, number), NUMBER_FIELDS)
    return chosen(request, account_view(world, found), ACCOUNT_FIELDS)


async def phone_numbers(world: World, request: Request) -> Any:
    """`GET /{account}/phone_numbers`"""
    waba_id = request.path_params["node"]
    account_view(world, waba_id)
    rows = [chosen(request, number_view(key, one), NUMBER_FIELDS) for key, one in world.numbers.of_account(waba_id)]
    return page(request, rows)


def chosen(request: Request, view: dict[str, Any], default: tuple[str, ...]) -> dict[str, Any]:
    """The fields that were asked for and the id; an unknown field is an error, as at Meta."""
    asked = request.query_params.get("fields", "")
    names = [name.partition("{")[0].strip() for name in asked.split(",") if name.strip()] or list(default) or list(view)
    if len(names) > FIELDS_MAX:
        raise GraphError(100, f"fields: at most {FIELDS_MAX}.")
    for name in names:
        if name not in view:
            raise GraphError(100, f"Tried accessing nonexisting field ({name[:60]})")
    return {name: view[name] for name in dict.fromkeys([*names, "id"]) if view[name] is not None}


def page(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Meta's paging: `limit` rows after the cursor `after`, and the address of the next page."""
    limit, after = request.query_params.get("limit", "25"), request.query_params.get("after", "0")
    if not limit.isdecimal() or not after.isdecimal() or not 0 < int(limit) <= 1000 or len(after) > 9:
        raise GraphError(100, "limit must be a number from 1 to 1000, after a cursor of an earlier page.")
    first, last = int(after), int(after) + int(limit)
    found: dict[str, Any] = {"data": rows[first:last]}
    if rows[first:last]:
        found["paging"] = {"cursors": {"before": str(first), "after": str(min(last, len(rows)))}}
        if last < len(rows):
            found["paging"]["next"] = str(request.url.include_query_params(after=last))
    return found


def number_view(phone_number_id: str, number: Number) -> dict[str, Any]:
    mps = number.messages_per_second
    return {
        "id": phone_number_id,
        "display_phone_number": number.display_phone_number,
        "verified_name": number.verified_name,
        "code_verification_status": "VERIFIED",
        "quality_rating": number.quality_rating,
        "status": "CONNECTED" if number.registered else "DISCONNECTED",
        "name_status": "APPROVED",
        "platform_type": "CLOUD_API" if number.registered else "NOT_APPLICABLE",
        "throughput": {"level": "HIGH" if mps is None or mps >= HIGH_MPS else "STANDARD"},
        "account_mode": "LIVE" if number.allowed_recipients is None else "SANDBOX",
        "is_official_business_account": False,
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
        "messaging_limit_tier": "TIER_UNLIMITED",
        "health_status": {"can_send_message": "AVAILABLE" if number.registered else "BLOCKED", "entities": []},
        "country_code": None,
        "country_dial_code": None,
        "webhook_configuration": None,
    }


def account_view(world: World, waba_id: str) -> dict[str, Any]:
    """Raises GraphError for an account that nobody told of."""
    is_known = any(world.numbers.of_account(waba_id)) or any(
        one.waba_id == waba_id for _, one in world.templates.of_account(waba_id)
    )
    if not is_known:
        raise no_such_object(waba_id)
    return {
        "id": waba_id,
        "name": "Sandbox",
        "timezone_id": "42",
        "message_template_namespace": f"sandbox_{waba_id}",
        "currency": "USD",
        "account_review_status": "APPROVED",
        "status": "ACTIVE",
        "business_verification_status": "verified",
        "ownership_type": "CLIENT_OWNED",
        "country": "RU",
        "primary_business_location": "RU",
        "health_status": {"can_send_message": "AVAILABLE", "entities": []},
    }


def template_view(name: str, template: Any) -> dict[str, Any]:
    components = template.components
    if components is None:
        placeholders = " ".join(f"{{{{{number}}}}}" for number in range(1, (template.body_parameters or 0) + 1))
        components = [{"type": "BODY", "text": f"{name} {placeholders}".strip()}]
    return {
        "name": name,
        "parameter_format": template.parameter_format,
        "components": components,
        "language": template.language or "en_US",
        "status": template.status,
        "category": template.category.upper(),
        "id": template.id,
        "quality_score": {"score": "UNKNOWN"},
        "rejected_reason": "INVALID_FORMAT" if template.status == "REJECTED" else "NONE",
    }


routes = [
    route("/{node:graph_node}", node, "GET"),
    route("/{node:graph_node}/phone_numbers", phone_numbers, "GET"),
]
