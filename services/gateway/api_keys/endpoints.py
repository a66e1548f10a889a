"""`/v1/api-keys`: a tenant manages its keys with a key that has the scope `keys`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from services.gateway.api_keys import schemas, service
from services.gateway.api_keys.errors import KeyNotFound
from services.gateway.refusals import refusal
from services.gateway.tenants.authentication import KeyManager
from services.kernel.http import Transaction

SECONDS_AN_HOUR = 3_600

KeyId = Annotated[str, Path(description="`id` of a key of yours.", examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"])]


MISSING = refusal(404, "There is no such key of yours.")
INVALID = refusal(422, "A field is wrong: which, and the rule.")
NOT_HELD = refusal(403, "The key lacks the scope `keys`, or a scope that it was to grant, or is used from elsewhere.")

router = APIRouter(prefix="/v1/api-keys", tags=["api keys"])


@router.post(
    "",
    status_code=201,
    summary="Make an API key",
    responses=INVALID | NOT_HELD | refusal(409, "You have too many keys."),
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


@router.get("/{key_id}", summary="Read an API key", responses=MISSING)
async def get_key(key_id: KeyId, tenant: KeyManager, connection: Transaction) -> schemas.ApiKey:
    return schemas.single(await service.one(connection, tenant.tenant_id, _parse(key_id)))


@router.delete(
    "/{key_id}",
    status_code=204,
    summary="Revoke an API key",
    responses=MISSING | refusal(409, "It is your last key with the scope `keys`."),
)
async def revoke_key(key_id: KeyId, tenant: KeyManager, connection: Transaction) -> Response:
    """It stops working everywhere within 5 seconds. Doing it again changes nothing."""
    await service.revoke(connection, tenant.tenant_id, _parse(key_id))
    return Response(status_code=204)


@router.post(
    "/{key_id}:rotate",
    status_code=201,
    summary="Replace an API key",
    responses=MISSING | INVALID | NOT_HELD | refusal(409, "The key is revoked, expired or replaced already."),
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
