"""`/v1/keywords`: a tenant adds its own words for STOP and START."""

from fastapi import APIRouter, Request

from services.gateway.keywords import service
from services.gateway.keywords.schemas import Confirmations, Keywords
from services.gateway.keywords.service import Words
from services.gateway.refusals import INVALID
from services.gateway.tenants.authentication import ConsentKeeper
from services.kernel.http import Transaction

router = APIRouter(prefix="/v1/keywords", tags=["consents"])


@router.get("", summary="Read your keywords")
async def get_keywords(tenant: ConsentKeeper, connection: Transaction) -> Keywords:
    """Your own words; the built-in ones are not listed and cannot be taken away."""
    return _shown(await service.read(connection, tenant.tenant_id))


@router.put("", summary="Set your keywords", responses=INVALID)
async def put_keywords(body: Keywords, tenant: ConsentKeeper, connection: Transaction, request: Request) -> Keywords:
    """Replace all of your own words and texts; new words count for messages that arrive a few seconds later."""
    words = Words(body.stop, body.start, body.confirmations.stopped, body.confirmations.started)
    state = request.app.state
    done = await service.replace(
        connection, state.keyring, tenant.tenant_id, words, box_public_keys=state.desk.box_public_keys
    )
    return _shown(done)


def _shown(words: Words) -> Keywords:
    confirmations = Confirmations(stopped=words.stop_confirmation, started=words.start_confirmation)
    return Keywords(stop=list(words.stop), start=list(words.start), confirmations=confirmations)
