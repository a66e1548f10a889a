"""`/_sandbox/webhooks`: how far the telling is, and Meta's handshake on demand."""

from fastapi import APIRouter, Request

router = APIRouter(prefix="/_sandbox/webhooks")


@router.get("")
async def counts(request: Request) -> dict[str, int]:
    """Updates that wait, POSTs made, updates taken, POSTs refused, updates given up after seven days."""
    counted: dict[str, int] = request.app.state.world.webhooks.counts._asdict()
    return counted


@router.get("/acks")
async def acks(request: Request) -> dict[str, list[float] | list[int]]:
    """How long the webhook took to answer, as a histogram in milliseconds since the start."""
    view: dict[str, list[float] | list[int]] = request.app.state.world.webhooks.acknowledgements.view()
    return view


@router.post("/handshake")
async def handshake(request: Request) -> dict[str, bool]:
    """Whether the webhook answers the verification request as it must."""
    return {"verified": await request.app.state.world.webhooks.client.handshake()}
