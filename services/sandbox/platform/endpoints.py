"""`POST /_sandbox/platform`: makes Meta announce something."""

from fastapi import APIRouter, Request

from services.sandbox.platform.schemas import Announced, PlatformEvent

router = APIRouter(prefix="/_sandbox/platform")


@router.post("")
async def announce(request: Request, event: PlatformEvent) -> Announced:
    """Meta's field and value, or a ready-made event; template events change the sandbox's template too."""
    announced: Announced = await request.app.state.world.platform.announce(event)
    return announced
