"""`/v1/callback` and `/v1/callbacks`: a tenant says where it wants to be called, and looks at what came of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway.attempts import service as attempts
from services.gateway.callbacks import answers, limits, management, notices, schemas
from services.gateway.callbacks.addresses import AddressRules
from services.gateway.callbacks.errors import NoSuchEndpoint
from services.gateway.callbacks.management import Changes
from services.gateway.refusals import INVALID, refusal
from services.gateway.tenants.authentication import CallbackManager
from services.gateway.told import service as told
from services.kernel.http import Transaction

MISSING = refusal(404, "You have no callback endpoint with this id.")

router = APIRouter(tags=["callbacks"])

EndpointId = Annotated[
    str,
    Path(description="`id` of `GET /v1/callbacks`.", examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"], max_length=100),
]


@router.put("/v1/callback", summary="Set your callback URL", responses=INVALID)
async def put_callback(
    body: schemas.CallbackIn, tenant: CallbackManager, connection: Transaction, request: Request
) -> schemas.CallbackOut:
    """Be called here from now on, also with what waits. Enables the endpoint if it was disabled."""
    row = await management.set_url(
        connection, tenant.tenant_id, body.url, max_updates=body.max_updates or None, rules=_rules(request)
    )
    return answers.callback(row)


@router.get("/v1/callback", summary="Read your callback URL")
async def get_callback(tenant: CallbackManager, connection: Transaction) -> schemas.CallbackOut:
    """The first of your endpoints, as `PUT /v1/callback` set it."""
    return answers.callback(await management.endpoint(connection, tenant.tenant_id))


@router.post(
    "/v1/callbacks",
    status_code=201,
    summary="Add a callback endpoint",
    responses=INVALID | refusal(409, "You have as many endpoints as a tenant may have."),
)
async def add_endpoint(
    body: schemas.EndpointIn, tenant: CallbackManager, connection: Transaction, request: Request
) -> schemas.NewEndpointOut:
    """Another place to be called at, with a secret of its own that is shown this once.

    It hears of what happens from now on. Every endpoint gets every fact that its filter lets pass, independently of the
    others: one that is slow or down delays no other.
    """
    new = await management.add(
        connection,
        request.app.state.keyring,
        tenant.tenant_id,
        url=body.url,
        events=body.events,
        description=body.description,
        max_updates=body.max_updates,
        rules=_rules(request),
    )
    return answers.new_endpoint(new)


@router.get("/v1/callbacks", summary="List your callback endpoints")
async def list_endpoints(tenant: CallbackManager, connection: Transaction) -> schemas.EndpointList:
    """All of them; that of `/v1/callback` first."""
    rows = await management.all_of(connection, tenant.tenant_id)
    return schemas.EndpointList(data=[answers.endpoint(row) for row in rows])


@router.get("/v1/callbacks/{endpoint_id}", summary="Read a callback endpoint", responses=MISSING)
async def get_endpoint(
    endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction
) -> schemas.EndpointOut:
    """One endpoint with its state; a disabled one says why and since when."""
    return answers.endpoint(await management.find(connection, tenant.tenant_id, _parse(endpoint_id)))


@router.patch("/v1/callbacks/{endpoint_id}", summary="Change a callback endpoint", responses=MISSING | INVALID)
async def change_endpoint(
    endpoint_id: EndpointId,
    body: schemas.EndpointChanges,
    tenant: CallbackManager,
    connection: Transaction,
    request: Request,
) -> schemas.EndpointOut:
    """Change the URL, the filter, the description or `max_updates`.

    What waits goes to the new URL; a disabled endpoint stays so.
    """
    changes = Changes(**body.model_dump(exclude_unset=True))  # type: ignore[typeddict-item]  # the same four fields
    row = await management.change(connection, tenant.tenant_id, _parse(endpoint_id), changes, rules=_rules(request))
    return answers.endpoint(row)


@router.delete(
    "/v1/callbacks/{endpoint_id}",
    status_code=204,
    summary="Remove a callback endpoint",
    responses=MISSING | refusal(409, "The endpoint of /v1/callback stays: disable it instead."),
)
async def remove_endpoint(endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction) -> Response:
    """Remove it with everything that waits for it."""
    await management.remove(connection, tenant.tenant_id, _parse(endpoint_id))
    return Response(status_code=204)


@router.post("/v1/callbacks/{endpoint_id}:enable", summary="Enable a callback endpoint", responses=MISSING)
async def enable_endpoint(
    endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction
) -> schemas.EndpointOut:
    """Call it again, at once with what waits. Facts wait for seven days."""
    return answers.endpoint(await management.enable(connection, tenant.tenant_id, _parse(endpoint_id)))


@router.post(
    "/v1/callbacks/{endpoint_id}:disable",
    summary="Disable a callback endpoint",
    responses=MISSING | refusal(409, "The endpoint has no URL yet, so it is not called anyway."),
)
async def disable_endpoint(
    endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction
) -> schemas.EndpointOut:
    """Call it no more until you enable it; its facts wait for seven days, then they are dropped."""
    return answers.endpoint(await management.disable(connection, tenant.tenant_id, _parse(endpoint_id)))


@router.post(
    "/v1/callbacks/{endpoint_id}:rotate-secret",
    summary="Rotate a callback secret",
    responses=MISSING | INVALID | refusal(409, "An earlier rotation is still under way."),
)
async def rotate_secret(
    endpoint_id: EndpointId,
    tenant: CallbackManager,
    connection: Transaction,
    request: Request,
    body: schemas.RotationIn | None = None,
) -> schemas.NewEndpointOut:
    """Get a new secret, shown this once.

    While both are valid, `webhook-signature` holds a signature by each, and `X-Hub-Signature-256`, which has room for
    one, is made with the old secret. `:confirm-secret` ends the overlap as soon as you check with the new one.
    """
    hours = (body or schemas.RotationIn()).overlap_hours
    keyring = request.app.state.keyring
    new = await management.rotate(connection, keyring, tenant.tenant_id, _parse(endpoint_id), overlap_hours=hours)
    return answers.new_endpoint(new)


@router.post("/v1/callbacks/{endpoint_id}:confirm-secret", summary="End a secret's overlap", responses=MISSING)
async def confirm_secret(
    endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction
) -> schemas.EndpointOut:
    """The new secret is in place: from now on it alone signs, both ways."""
    return answers.endpoint(await management.confirm_secret(connection, tenant.tenant_id, _parse(endpoint_id)))


@router.post(
    "/v1/callbacks/{endpoint_id}:test",
    status_code=202,
    summary="Send a test callback",
    responses=MISSING | refusal(409, "The endpoint is disabled, has no URL, or too many tests wait already."),
)
async def send_test(
    endpoint_id: EndpointId, tenant: CallbackManager, connection: Transaction, request: Request
) -> schemas.TestOut:
    """Queue a signed callback of the field `callback_endpoint.test`, whatever the endpoint's filter says.

    One a second for each endpoint; up to twenty may wait.
    """
    row = await management.active(connection, tenant.tenant_id, _parse(endpoint_id))
    limits.check_test(row.id)
    return schemas.TestOut(event_id=await notices.send_test(connection, request.app.state.keyring, row))


@router.get("/v1/callbacks/{endpoint_id}/attempts", summary="List attempts", responses=MISSING | INVALID)
async def list_attempts(
    endpoint_id: EndpointId,
    tenant: CallbackManager,
    connection: Transaction,
    request: Request,
    asked: Annotated[schemas.AttemptPage, Query()],
) -> schemas.AttemptList:
    """What was sent to this endpoint in the last seven days and what it answered, newest first."""
    row = await management.find(connection, tenant.tenant_id, _parse(endpoint_id))
    page = await attempts.page(
        connection, request.app.state.keyring, row.tenant_id, row.id, cursor=asked.cursor, limit=asked.limit
    )
    return schemas.AttemptList(data=[answers.attempt(one) for one in page.attempts], next_cursor=page.next_cursor)


@router.post(
    "/v1/callbacks/{endpoint_id}:replay",
    status_code=202,
    summary="Tell facts again",
    responses=MISSING | INVALID | refusal(409, "The endpoint is disabled, or has no URL."),
)
async def replay(
    endpoint_id: EndpointId, body: schemas.ReplayIn, tenant: CallbackManager, connection: Transaction
) -> schemas.ReplayOut:
    """Queue facts once more that this endpoint was told, or should have been, in the last ten days.

    Each keeps its `event_id`, so a receiver that counts events once may be told generously. They come after what waits
    already. Facts that wait are not queued twice. One replay in five seconds for each endpoint.
    """
    row = await management.active(connection, tenant.tenant_id, _parse(endpoint_id))
    limits.check_replay(row.id)
    if body.message_id is not None:
        done = await told.replay_message(connection, row.id, body.message_id)
    else:
        assert body.since is not None  # the schema saw to it
        done = await told.replay_range(connection, row.id, since=body.since, until=body.to)
    return schemas.ReplayOut(queued=done.queued, already_waiting=done.already_waiting, resume_from=done.resume_from)


def _rules(request: Request) -> AddressRules:
    rules: AddressRules = request.app.state.settings.callbacks.rules
    return rules


def _parse(endpoint_id: str) -> UUID:
    try:
        return UUID(endpoint_id)
    except ValueError:
        raise NoSuchEndpoint from None
