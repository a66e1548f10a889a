"""`/v1/api-keys`: a tenant manages its keys with a key that has the scope `keys`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from services.gateway.api_keys import schemas, service
from services.gateway.api_keys.errors import KeyNotFound
from services.gateway.tenants.authentication import KeyManager
from services.kernel.http import Transaction

SECONDS_AN_HOUR = 3_600

KeyId = Annotated[str, Path(description="`id` of a key of yours.", examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"])]


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {}}}


_ALWAYS: dict[int | str, dict[str, Any]] = {
    401: _problem("The API key is missing, wrong, expired or revoked."),
    403: _problem("The key lacks the scope `keys`, or a scope that it was to grant, or is used from elsewhere."),
    429: _problem("Too many requests with this key: wait for Retry-After."),
    503: _problem("A part of the system does not answer: try again."),
}
_MISSING: dict[int | str, dict[str, Any]] = {404: _problem("There is no such key of yours.")}
_INVALID: dict[int | str, dict[str, Any]] = {422: _problem("A field is wrong: which, and the rule.")}

router = APIRouter(prefix="/v1/api-keys", tags=["api keys"], responses=_ALWAYS)


@router.post(
    "", status_code=201, summary="Make an API key", responses={**_INVALID, 409: _problem("You have too many keys.")}
)
async def create_key(
    body: schemas.ApiKeyIn, tenant: KeyManager, connection: Transaction, request: Request
) -> schemas.NewApiKey:
    """A new key; this answer is the only place where it stands. It works at once.

    The first key of mode `test` makes your test twin: a number, copies of your approved templates, and a callback
    secret. What belongs to the twin is invisible to live keys, and the other way round.
    """
    desk: service.Desk = request.app.state.desk
    return schemas.issued(await desk.create(connection, tenant, body.wanted()))


@router.get("", summary="List API keys")
async def list_keys(tenant: KeyManager, connection: Transaction) -> schemas.ApiKeyList:
    """Your keys of both modes, never the keys themselves."""
    return schemas.listed(await service.shown(connection, tenant.tenant_id))


@router.get("/{key_id}", summary="Read an API key", responses=_MISSING)
async def get_key(key_id: KeyId, tenant: KeyManager, connection: Transaction) -> schemas.ApiKey:
    return schemas.single(await service.one(connection, tenant.tenant_id, _parse(key_id)))


@router.delete(
    "/{key_id}",
    status_code=204,
    summary="Revoke an API key",
    responses={**_MISSING, 409: _problem("It is your last key with the scope `keys`.")},
)
async def revoke_key(key_id: KeyId, tenant: KeyManager, connection: Transaction) -> Response:
    """It stops working everywhere within 5 seconds. Doing it again changes nothing."""
    await service.revoke(connection, tenant.tenant_id, _parse(key_id))
    return Response(status_code=204)


@router.post(
    "/{key_id}:rotate",
    status_code=201,
    summary="Replace an API key",
    responses={**_MISSING, **_INVALID, 409: _problem("The key is revoked, expired or replaced already.")},
)
async def rotate_key(
    key_id: KeyId, tenant: KeyManager, connection: Transaction, request: Request, body: schemas.RotationIn | None = None
) -> schemas.NewApiKey:
    """A new key with the old one's name, scopes, networks, dates and rate; the old one ends after the overlap.

    If you lose this answer, rotate the new key: it stands in the list.
    """
    desk: service.Desk = request.app.state.desk
    overlap_seconds = (body or schemas.RotationIn()).overlap_hours * SECONDS_AN_HOUR
    return schemas.issued(await desk.rotate(connection, tenant, _parse(key_id), overlap_seconds=overlap_seconds))


def _parse(key_id: str) -> UUID:
    try:
        return UUID(key_id)
    except ValueError:
        raise KeyNotFound from None
