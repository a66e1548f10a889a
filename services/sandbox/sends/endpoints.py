"""`GET /_sandbox/sends`: what the sandbox received, for tests, the bench and chaos runs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

router = APIRouter()


@router.get("/_sandbox/sends")
async def list_sends(request: Request, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    """At most 1,000 sends numbered above `after`, in the order of arrival."""
    return Response(request.app.state.world.sends.page(after), media_type="application/json")
