"""Templates, profile and registration at Meta's door (`whatsapp-cloud-api.md`, 2.4 and 2.5)."""

import re
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request

from services.sandbox.graph.nodes import account_view, chosen, page, template_view
from services.sandbox.graph.routing import SUCCESS, fields_of, invalid, route
from services.sandbox.numbers.service import Number, Profile
from services.sandbox.refusals import GraphError, no_such_object
from services.sandbox.templates.service import Category, Template
from services.sandbox.world import World

TEMPLATE_FIELDS = ("name", "parameter_format", "components", "language", "status", "category", "id")
BODY_MAX, FOOTER_MAX, HEADER_MAX, BUTTONS_MAX, BUTTON_TEXT_MAX = 1024, 60, 60, 10, 25
PARTS = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"})
_PIN = re.compile(r"[0-9]{6}")


class NewTemplate(BaseModel):
    """`POST /{account}/message_templates`; categories and formats are taken in any case."""

    model_config = ConfigDict(extra="ignore")
    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    category: Category
    language: str = Field(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?$")
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    components: list[dict[str, Any]] = Field(min_length=1, max_length=20)

    @field_validator("category", mode="before")
    @classmethod
    def lower(cls, given: Any) -> Any:
        return given.lower() if isinstance(given, str) else given

    @field_validator("parameter_format", mode="before")
    @classmethod
    def upper(cls, given: Any) -> Any:
        return given.upper() if isinstance(given, str) else given

    @field_validator("components")
    @classmethod
    def fit(cls, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kinds = [str(one.get("type", "")).upper() for one in given]
        if "BODY" not in kinds or not set(kinds) <= PARTS or len(set(kinds)) != len(kinds):
            raise ValueError(f"one BODY, and at most one each of {', '.join(sorted(PARTS))}")
        for kind, one in zip(kinds, given, strict=True):
            most = {"BODY": BODY_MAX, "FOOTER": FOOTER_MAX, "HEADER": HEADER_MAX}.get(kind)
            if most is not None and len(str(one.get("text") or "")) > most:
                raise ValueError(f"the text of {kind} has at most {most} characters")
            _check_buttons(one.get("buttons") or ())
        return given


def _check_buttons(buttons: Any) -> None:
    if len(buttons) > BUTTONS_MAX or not all(isinstance(one, dict) for one in buttons):
        raise ValueError(f"at most {BUTTONS_MAX} buttons")
    if any(len(str(one.get("text") or "")) > BUTTON_TEXT_MAX for one in buttons):
        raise ValueError(f"a button's text has at most {BUTTON_TEXT_MAX} characters")


async def list_templates(world: World, request: Request) -> Any:
    waba_id, query = request.path_params["node"], request.query_params
    account_view(world, waba_id)
    wanted = {key: query[key].lower() for key in ("name", "language", "status", "category") if key in query}
    views = [template_view(name, one) for name, one in world.templates.of_account(waba_id)]
    fitting = [view for view in views if all(str(view[key]).lower() == value for key, value in wanted.items())]
    return page(request, [chosen(request, view, TEMPLATE_FIELDS) for view in fitting])


async def create_template(world: World, request: Request) -> Any:
    """Taken in as PENDING; the decision and its webhook follow (see `reviews`)."""
    waba_id = request.path_params["node"]
    account_view(world, waba_id)
    try:
        new = NewTemplate.model_validate(await fields_of(request))
    except ValidationError as error:
        raise invalid(error) from error
    known = world.templates.find(new.name, new.language, waba_id)
    if known is not None and known.waba_id == waba_id:
        taken = GraphError(100, "There is already content in this language of this template.")
        taken.subcode = 2388024
        raise taken
    fresh = Template(waba_id=waba_id, status="PENDING", **new.model_dump(exclude={"name"}))
    template = world.templates.put(new.name, fresh)
    world.reviews.submit(template)
    return {"id": template.id, "status": template.status, "category": template.category.upper()}


async def delete_template(world: World, request: Request) -> Any:
    query, waba_id = request.query_params, request.path_params["node"]
    if not query.get("name"):
        raise GraphError(100, "The parameter name is required.")
    if not world.templates.remove(waba_id, query["name"], query.get("hsm_id")):
        raise GraphError(100, "Message Template Not Found")
    return SUCCESS


async def edit(world: World, request: Request) -> Any:
    """`POST /{template}` or `POST /{number}`, whichever the id is."""
    node, fields = request.path_params["node"], await fields_of(request)
    found = world.templates.by_id(node)
    return _edit_number(world, node, fields) if found is None else _edit_template(world, *found, fields)


def _edit_template(world: World, name: str, template: Template, fields: dict[str, Any]) -> Any:
    """All components are replaced, and Meta looks at them again."""
    whole = template.model_dump() | {"name": name, "language": template.language or "en_US"}
    change = {key: fields[key] for key in ("category", "components") if key in fields}
    try:
        new = NewTemplate.model_validate(whole | change)
    except ValidationError as error:
        raise invalid(error) from error
    update = {"category": new.category, "components": new.components, "status": "PENDING"}
    world.reviews.submit(world.templates.put(name, Template.model_validate(template.model_dump() | update)))
    return SUCCESS


def _edit_number(world: World, node: str, fields: dict[str, Any]) -> Any:
    """The two-step PIN."""
    _number(world, node, "post")
    if not _PIN.fullmatch(str(fields.get("pin", ""))):
        raise GraphError(100, "The parameter pin must have 6 digits.")
    return SUCCESS


async def register(world: World, request: Request) -> Any:
    fields, node = await fields_of(request), request.path_params["node"]
    number = _number(world, node, "post")
    if fields.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
    if not _PIN.fullmatch(str(fields.get("pin", ""))):
        raise GraphError(100, "The parameter pin is required and must have 6 digits.")
    _count_registration(world, node)
    world.numbers.put_number(node, number.model_copy(update={"registered": True}))
    return SUCCESS


async def deregister(world: World, request: Request) -> Any:
    node = request.path_params["node"]
    number = _number(world, node, "post")
    _count_registration(world, node)
    world.numbers.put_number(node, number.model_copy(update={"registered": False}))
    return SUCCESS


async def profile(world: World, request: Request) -> Any:
    found = _number(world, request.path_params["node"], "get").profile.model_dump(exclude_none=True)
    picture = found.pop("profile_picture_handle", None)
    more = {"messaging_product": "whatsapp"} | ({"profile_picture_url": picture} if picture else {})
    asked = [name for name in request.query_params.get("fields", "").split(",") if name]
    return {"data": [{key: value for key, value in (found | more).items() if not asked or key in asked}]}


async def change_profile(world: World, request: Request) -> Any:
    node, fields = request.path_params["node"], await fields_of(request)
    number = _number(world, node, "post")
    if fields.pop("messaging_product", None) != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
    try:
        changed = Profile.model_validate(number.profile.model_dump(exclude_none=True) | fields)
    except ValidationError as error:
        raise invalid(error) from error
    world.numbers.put_number(node, number.model_copy(update={"profile": changed}))
    return SUCCESS


def _number(world: World, node: str, method: str) -> Number:
    number = world.numbers.known(node)
    if number is None:
        raise no_such_object(node, method)
    return number


def _count_registration(world: World, node: str) -> None:
    if not world.limits.takes_registration(node, time.time()):
        raise GraphError(133016)


routes = [
    route("/{node:graph_node}/message_templates", list_templates, "GET"),
    route("/{node:graph_node}/message_templates", create_template, "POST"),
    route("/{node:graph_node}/message_templates", delete_template, "DELETE"),
    route("/{node:graph_node}", edit, "POST"),
    route("/{node:graph_node}/register", register, "POST"),
    route("/{node:graph_node}/deregister", deregister, "POST"),
    route("/{node:graph_node}/whatsapp_business_profile", profile, "GET"),
    route("/{node:graph_node}/whatsapp_business_profile", change_profile, "POST"),
]
