"""`GET /{version}/{id}` and its edges in Meta's shape: numbers, accounts, templates, business profiles."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from services.gateway.graph.errors import InvalidParameter
from services.gateway.graph.routing import GRAPH_RESPONSES, GraphRoute, Version
from services.gateway.reading import schemas
from services.gateway.reading.paging import LIMIT_DEFAULT, LIMIT_MAX, Turn
from services.gateway.reading.service import Reader, TemplateFilter
from services.gateway.tenants.authentication import BEARER, AccountReader, AccountWriter, Requires, visit_of
from services.gateway.tenants.service import ApiPrincipal, Doorkeeper
from services.kernel.cursors import CURSOR_CHARACTERS_MAX

_STATUSES = (
    "APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "PENDING_DELETION", "DELETED",
    "LIMIT_EXCEEDED", "ARCHIVED", "FLAGGED", "LOCKED",
)  # fmt: skip
_CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
_REFUSED_FILTERS = ("content", "name_or_content", "quality_score", "before", "filtering", "sort")
# What does not come back in `next`: it is said anew there, or must not stand in a url.
_NOT_REPEATED = frozenset({"after", "limit", "access_token"})

router = APIRouter(route_class=GraphRoute, responses=GRAPH_RESPONSES)

ObjectId = Annotated[
    str,
    Path(
        max_length=64,
        description="The id of one of your numbers, WhatsApp Business Accounts, templates or files.",
        examples=["106540352242922"],
    ),
]
NumberId = Annotated[str, Path(max_length=64, description="One of your numbers.", examples=["106540352242922"])]
AccountId = Annotated[
    str, Path(max_length=64, description="One of your WhatsApp Business Accounts.", examples=["100200300400"])
]
FieldNames = Annotated[
    str | None,
    Query(description="Names with commas between them. Meta's own defaults when it is left out.", examples=["id"]),
]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Entries on a page.")]
After = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS_MAX,
        description="paging.cursors.after of the page before.",
        examples=["MDE5YWIwYzU"],
    ),
]


class _ReadsObject(Requires):
    """A number, an account and a template need `account:read`, a file `media`: which it is, is only seen later."""

    async def __call__(self, request: Request, credentials: Annotated[object, Depends(BEARER)]) -> ApiPrincipal:
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        visit = visit_of(request)
        known = await request.app.state.directory.principal(visit.api_key) if visit.api_key else None
        only_media = known is not None and "account:read" not in known.scopes and "media" in known.scopes
        return await doorkeeper.admit(visit, "media" if only_media else self.scope)


ObjectReader = Annotated[ApiPrincipal, Depends(_ReadsObject("account:read"))]


@router.get(
    "/{version:graph_version}/{object_id}",
    tags=["account"],
    summary="Read a number, an account, a template or a file",
    response_model=schemas.PhoneNumber | schemas.Account | schemas.MessageTemplate | schemas.File,
)
async def read_object(
    request: Request,
    *,
    version: Version,
    object_id: ObjectId,
    tenant: ObjectReader,
    fields: FieldNames = None,
    phone_number_id: Annotated[
        str | None, Query(max_length=32, description="For a file: the number that it belongs to; checked when given.")
    ] = None,
) -> JSONResponse:
    """Meta's node, by the kind of its id.

    Fields that speak of the operator's own set-up at Meta, like webhook_configuration, may be asked for and are left
    out. A field that does not exist is refused with code 100. Files need the scope media, all else account:read.
    """
    reader: Reader = request.app.state.reader
    return JSONResponse(await reader.node(tenant, object_id, fields=fields, phone_number_id=phone_number_id))


@router.get(
    "/{version:graph_version}/{waba_id}/phone_numbers",
    tags=["account"],
    summary="List the numbers of an account",
    response_model=schemas.PhoneNumberList,
)
async def list_numbers(
    request: Request,
    *,
    version: Version,
    waba_id: AccountId,
    tenant: AccountReader,
    fields: FieldNames = None,
    limit: Limit = LIMIT_DEFAULT,
    after: After = None,
) -> JSONResponse:
    """Your own numbers in this account, at most 25 at a time."""
    reader: Reader = request.app.state.reader
    turn = _turn(request, f"{version}/{waba_id}/phone_numbers", after, limit)
    return JSONResponse(await reader.numbers(tenant.tenant_id, waba_id, fields=fields, turn=turn))


@router.get(
    "/{version:graph_version}/{waba_id}/message_templates",
    tags=["account"],
    summary="List the templates of an account",
    response_model=schemas.TemplateList,
)
async def list_templates(
    request: Request,
    *,
    version: Version,
    waba_id: AccountId,
    tenant: AccountReader,
    name: Annotated[
        str | None,
        Query(pattern="^[a-z0-9_]{1,512}$", description="The name or a part of it.", examples=["order"]),
    ] = None,
    language: Annotated[
        str | None, Query(max_length=500, description="Codes with commas between them.", examples=["ru,en_US"])
    ] = None,
    status: Annotated[
        str | None, Query(max_length=500, description="APPROVED, PENDING, ...; several with commas.")
    ] = None,
    category: Annotated[
        str | None, Query(max_length=500, description="UTILITY, MARKETING, AUTHENTICATION; several with commas.")
    ] = None,
    fields: FieldNames = None,
    summary: Annotated[
        str | None,
        Query(
            max_length=500,
            description="total_count, message_template_count, message_template_limit, are_translations_complete.",
        ),
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    after: After = None,
) -> JSONResponse:
    """Your templates in this account, from our own records: kept up to date by Meta's webhooks."""
    reader: Reader = request.app.state.reader
    wanted = TemplateFilter(
        name=name,
        languages=_words("language", language),
        categories=_known("category", category, _CATEGORIES),
        statuses=_known("status", status, _STATUSES),
    )
    turn = _turn(request, f"{version}/{waba_id}/message_templates", after, limit)
    found = await reader.templates(tenant.tenant_id, waba_id, wanted, fields=fields, summary=summary, turn=turn)
    return JSONResponse(found)


@router.get(
    "/{version:graph_version}/{phone_number_id}/whatsapp_business_profile",
    tags=["account"],
    summary="Read a business profile",
    response_model=schemas.ProfileList,
)
async def read_profile(
    request: Request, *, version: Version, phone_number_id: NumberId, tenant: AccountReader, fields: FieldNames = None
) -> JSONResponse:
    """What people see of the business behind a number, as Meta has it."""
    reader: Reader = request.app.state.reader
    return JSONResponse(await reader.profile(tenant.tenant_id, phone_number_id, fields=fields))


@router.post(
    "/{version:graph_version}/{phone_number_id}/whatsapp_business_profile",
    tags=["account"],
    summary="Change a business profile",
)
async def change_profile(
    request: Request,
    *,
    version: Version,
    phone_number_id: NumberId,
    change: schemas.ProfileChange,
    tenant: AccountWriter,
) -> schemas.Changed:
    """Checked against Meta's limits and passed on; the answer is given when Meta has taken it."""
    reader: Reader = request.app.state.reader
    await reader.change_profile(tenant, phone_number_id, change.model_dump(exclude_unset=True, exclude_none=True))
    return schemas.Changed()


def _turn(request: Request, path: str, after: str | None, limit: int) -> Turn:
    if refused := [name for name in _REFUSED_FILTERS if name in request.query_params]:
        raise InvalidParameter(f"{', '.join(refused)}: not supported here; leave it out.")
    query = {name: value for name, value in request.query_params.items() if name not in _NOT_REPEATED}
    base = str(request.app.state.settings.urls.public).rstrip("/")
    return Turn(after=after, limit=limit, url=f"{base}/{path}", query=query)


def _words(name: str, given: str | None) -> tuple[str, ...]:
    """The words of a list with commas, also of one in JSON, as some clients send it."""
    words = tuple(dict.fromkeys(re.findall(r"[A-Za-z0-9_]+", given or "")))
    if given and not words:
        raise InvalidParameter(f"{name}: give names with commas between them, or leave it out.")
    return words


def _known(name: str, given: str | None, choice: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word.upper() for word in _words(name, given))
    if unknown := [word for word in words if word not in choice]:
        raise InvalidParameter(f"{name}: {', '.join(unknown)} does not exist; choose from {', '.join(choice)}.")
    return words
