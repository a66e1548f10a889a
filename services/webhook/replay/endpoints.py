"""The staff's view of the quarantine: what waits, and its replay."""

from fastapi import APIRouter, Request

from services.kernel import clock
from services.kernel.http import CallerStaff, Transaction
from services.webhook.quarantine import service as quarantine
from services.webhook.quarantine.service import Chosen
from services.webhook.replay.schemas import QuarantineOut, ReplayIn, ReplayOut, WaitingOut
from services.webhook.replay.service import FIRST, Replay

router = APIRouter(prefix="/internal", tags=["staff"])


@router.get("/quarantine")
async def get_quarantine(staff: CallerStaff, connection: Transaction) -> QuarantineOut:
    """How many webhooks wait, for what and since when; never what they say."""
    now = clock.now()
    waiting = [
        WaitingOut(**row._asdict(), oldest_age_seconds=max(0, int((now - row.oldest).total_seconds())))
        for row in await quarantine.overview(connection)
    ]
    return QuarantineOut(rows=await quarantine.count(connection, Chosen()), waiting=waiting)


@router.post("/quarantine:replay")
async def replay(body: ReplayIn, staff: CallerStaff, request: Request) -> ReplayOut:
    """Try some of them again; call with `after` = `next` until that is null."""
    own: Replay = request.app.state.replay
    chosen = Chosen(body.phone_number_id, body.waba_id, body.reason, body.ids)
    done = await own.replay(chosen, after=body.after or FIRST)
    return ReplayOut(replayed=done.rows, kept=done.kept, facts=done.facts, next=done.last)
